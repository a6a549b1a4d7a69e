"""The one sample format inside Motif: 48 kHz stereo, float32 at work, 16 or 24 bit at its ends."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48_000
"""Frames per second."""
CHANNELS: Final = 2
BIT_DEPTHS: Final = (16, 24)
"""What finished samples are packed in."""
BLOCK: Final = RATE // 5
"""Frames that are worked on at a time (whole cells): what keeps a step's memory small."""

Samples = NDArray[np.float32]
"""Shape (frames, 2), full scale 1.0."""
Pcm16 = NDArray[np.int16]
"""Shape (frames, 2)."""
Pcm = Pcm16 | NDArray[np.int32]
"""Shape (frames, 2): int16, or 24 bits in the high bytes of an int32."""


def blocks(samples: Samples) -> Iterator[Samples]:
    """Views of *samples*, each of ``BLOCK`` frames but the last."""
    for start in range(0, len(samples), BLOCK):
        yield samples[start : start + BLOCK]


def to_float(pcm: Pcm) -> Samples:
    """Integer samples as float32; ``to_integers`` gives exactly the same samples back."""
    samples = pcm.astype(np.float32)
    samples *= -1 / np.iinfo(pcm.dtype).min
    return samples


def float_blocks(pcm: Pcm16) -> Iterator[Samples]:
    """``blocks`` of 16-bit samples, converted one at a time."""
    for start in range(0, len(pcm), BLOCK):
        yield to_float(pcm[start : start + BLOCK])


def to_integers(samples: Samples, bit_depth: int = 16) -> Pcm:
    """*samples* rounded and clipped to 16 or 24 bit; the work is done in their own memory."""
    full_scale = 2 ** (bit_depth - 1)
    samples *= full_scale
    np.rint(samples, out=samples)
    np.clip(samples, -full_scale, full_scale - 1, out=samples)
    if bit_depth == BIT_DEPTHS[0]:
        return samples.astype(np.int16)
    return samples.astype(np.int32) << 8


def quantise(parts: Iterable[Samples], frames: int) -> Pcm16:
    """Round *parts*, *frames* in all, to 16 bit."""
    pcm = np.empty((frames, CHANNELS), np.int16)
    start = 0
    for part in parts:
        pcm[start : start + len(part)] = to_integers(part.copy())
        start += len(part)
    return pcm
