"""WAV (RIFF WAVE, Multimedia Programming Interface and Data Specifications 1.0).

The tape's memory is the file: what is written here is only the head that it begins with. Tags
are a LIST chunk of type INFO, before the samples, so that a player finds them without a seek.
"""

import struct
from typing import BinaryIO, Final, cast

from services.generator.audio.encoders.tags import Tags
from services.generator.audio.pcm import CHANNELS, RATE
from services.generator.audio.tape import Tape

_PCM: Final = 1
_SOFTWARE: Final = "Motif"


def wav_head(frames: int, bit_depth: int, tags: Tags) -> bytes:
    """All bytes before the first sample of so many frames, of 16 or 24 bits each sample."""
    align = CHANNELS * bit_depth // 8
    layout = struct.pack("<HHIIHH", _PCM, CHANNELS, RATE, RATE * align, align, bit_depth)
    samples = frames * align  # even, since every frame is: no pad byte follows
    chunks = _chunk(b"fmt ", layout) + _chunk(b"LIST", _info(tags))
    head = b"WAVE" + chunks + struct.pack("<4sI", b"data", samples)
    return struct.pack("<4sI", b"RIFF", len(head) + samples) + head


def encode_wav(tape: Tape, _tags: Tags) -> BinaryIO:
    """The tape itself, which was made with ``wav_head``; waits until it is closed."""
    return cast("BinaryIO", tape.file())


def _info(tags: Tags) -> bytes:
    texts = {b"INAM": tags.title, b"IART": tags.model, b"ICMT": tags.comment, b"ISFT": _SOFTWARE}
    return b"INFO" + b"".join(_chunk(name, text.encode() + b"\0") for name, text in texts.items())


def _chunk(name: bytes, body: bytes) -> bytes:
    """A chunk, with the pad byte behind a body of odd size that its size does not count."""
    return struct.pack("<4sI", name, len(body)) + body + bytes(len(body) % 2)
