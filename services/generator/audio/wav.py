"""Reads the model's WAV clips (RIFF WAVE, Multimedia Programming Interface 1.0) and judges them.

Chunks are walked: the header of Lyria's clips is 88 bytes, not the usual 44. Sizes are believed
only as far as there are bytes; the RIFF size, which many writers get wrong, is not used at all.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.generator.audio.pcm import CHANNELS, RATE, Pcm16
from services.generator.audio.quality import verdict
from shared.errors import Code, PermanentError

_PCM: Final = 1
_EXTENSIBLE: Final = 0xFFFE
_SUBFORMAT_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the format tag in the GUID of an extensible header."""
_BITS: Final = (8, 16, 24, 32)
_MAX_CHANNELS: Final = 64
_HEAD: Final = 8
_FMT: Final = struct.Struct("<HHIIHH")

Data = bytes | memoryview


@dataclass(frozen=True, slots=True)
class WavInfo:
    """What the header says, checked against the bytes that are there."""

    sample_rate: int
    channels: int
    bits: int
    frames: int
    data_offset: int
    """Where the first sample begins, in bytes."""


def read_header(data: Data) -> WavInfo:
    """Find format and samples of a PCM WAV file.

    Raises:
        PermanentError: ``audio_invalid``, and why.
    """
    view = memoryview(data)
    _check_magic(bytes(view[:12]))
    layout: tuple[int, int, int] | None = None
    for name, start, size in _chunks(view):
        if name == b"fmt ":
            layout = _layout(bytes(view[start : start + size]))
        elif name == b"data":
            return _info(layout, start, size)
    raise _invalid("there is no data chunk")


def pcm(data: Data) -> Pcm16:
    """The clip's samples where they are: a view of *data*, shape (frames, 2), not to be changed.

    Raises:
        PermanentError: ``audio_invalid``, unless it is 48 kHz stereo of 16 bit, with sound in it.
    """
    info = read_header(data)
    if (info.sample_rate, info.channels, info.bits) != (RATE, CHANNELS, 16):
        raise _invalid(
            f"expected 48000 Hz, 2 channels, 16 bit;"
            f" found {info.sample_rate} Hz, {info.channels} channels, {info.bits} bit"
        )
    if not info.frames:
        raise _invalid("it holds no samples")
    count = info.frames * CHANNELS
    interleaved = np.frombuffer(data, np.dtype("<i2"), count, info.data_offset)
    return interleaved.reshape(-1, CHANNELS)


def judge(data: Data) -> Code | None:
    """The quality gate on one clip: None when it may become a track."""
    try:
        return verdict(pcm(data))
    except PermanentError:
        return Code.AUDIO_INVALID


def _check_magic(head: bytes) -> None:
    if head[:4] in (b"RF64", b"RIFX", b"BW64"):
        raise _invalid(f"{head[:4].decode()} is not supported, only RIFF")
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise _invalid(f"it begins with {head[:4]!r}")


def _chunks(view: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and size of each chunk; chunks of odd size have a pad byte behind them."""
    head = 12
    while head + _HEAD <= len(view):
        name, size = struct.unpack_from("<4sI", view, head)
        start = head + _HEAD
        if start + size > len(view):
            raise _invalid(f"chunk {name!r} says {size} bytes, {len(view) - start} are there")
        yield name, start, size
        head = start + size + size % 2


def _layout(fmt: bytes) -> tuple[int, int, int]:
    """Sample rate, channels and bits of a ``fmt`` chunk."""
    if len(fmt) < _FMT.size:
        raise _invalid(f"its format chunk has only {len(fmt)} bytes")
    tag, channels, rate, _, frame_bytes, bits = _FMT.unpack_from(fmt)
    if tag == _EXTENSIBLE and fmt[26:40] == _SUBFORMAT_TAIL:
        tag = int.from_bytes(fmt[24:26], "little")
    if tag != _PCM:
        raise _invalid(f"format tag {tag:#06x} is not PCM")
    plausible = rate > 0 and 0 < channels <= _MAX_CHANNELS and bits in _BITS
    if not plausible or frame_bytes != channels * bits // 8:
        raise _invalid(
            f"{rate} Hz, {channels} channels, {bits} bit in frames of {frame_bytes} bytes"
        )
    return rate, channels, bits


def _info(layout: tuple[int, int, int] | None, start: int, size: int) -> WavInfo:
    if layout is None:
        raise _invalid("there is no format chunk before the data")
    rate, channels, bits = layout
    return WavInfo(rate, channels, bits, size // (channels * bits // 8), start)


def _invalid(reason: str) -> PermanentError:
    return PermanentError(f"The clip is no usable WAV: {reason}.", code=Code.AUDIO_INVALID)
