"""Builds WAV files chunk by chunk, lies included."""

import struct

import numpy as np

from services.generator.audio.pcm import Pcm16

PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")
FLOAT_GUID = bytes.fromhex("0300000000001000800000aa00389b71")


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    stated = len(body) if size is None else size
    return name + struct.pack("<I", stated) + body + b"\0" * (len(body) % 2)


def fmt(rate: int = 48_000, channels: int = 2, bits: int = 16, tag: int = 1) -> bytes:
    align = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits))


def extensible(guid: bytes = PCM_GUID) -> bytes:
    base = struct.pack("<HHIIHH", 0xFFFE, 2, 48_000, 192_000, 4, 16)
    return chunk(b"fmt ", base + struct.pack("<HHI", 22, 16, 3) + guid)


def riff(*chunks: bytes, magic: bytes = b"RIFF", size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", len(body) if size is None else size) + body


def wav(pcm: Pcm16, *before: bytes) -> bytes:
    return riff(fmt(), *before, chunk(b"data", pcm.astype("<i2").tobytes()))


def ramp(frames: int = 100) -> Pcm16:
    return np.arange(-frames, frames, dtype=np.int16).reshape(-1, 2)
