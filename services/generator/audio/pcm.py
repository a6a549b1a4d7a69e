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
BLOCK: Final = RATE * 2 // 5
"""Frames that are worked on at a time (whole cells): what keeps a step's memory small."""

Samples = NDArray[np.float32]
"""Shape (frames, 2), full scale 1.0."""
Pcm16 = NDArray[np.int16]
"""Shape (frames, 2)."""
Pcm = Pcm16 | NDArray[np.int32]
"""Shape (frames, 2): int16, or 24 bits in the high bytes of an int32."""


def in_blocks(pieces: Iterable[Samples]) -> Iterator[Samples]:
    """The same samples, ``BLOCK`` frames at a time, the last ones fewer; each an array of its own.

    The pieces are of any length, also 0.
    """
    block = np.empty((BLOCK, CHANNELS), np.float32)
    filled = 0
    for piece in pieces:
        left = piece
        while len(left):
            fitting = left[: BLOCK - filled]
            block[filled : filled + len(fitting)] = fitting
            filled += len(fitting)
            left = left[len(fitting) :]
            if filled == BLOCK:
                yield block
                block, filled = np.empty_like(block), 0
    if filled:
        yield block[:filled]


def to_float(pcm: Pcm) -> Samples:
    """Integer samples as float32; ``to_integers`` gives exactly the same samples back."""
    samples = pcm.astype(np.float32)
    samples *= -1 / np.iinfo(pcm.dtype).min
    return samples


def to_integers(samples: Samples, bit_depth: int = 16) -> Pcm:
    """*samples* rounded and clipped to 16 or 24 bit; the work is done in their own memory."""
    full_scale = 2 ** (bit_depth - 1)
    samples *= full_scale
    np.rint(samples, out=samples)
    np.clip(samples, -full_scale, full_scale - 1, out=samples)
    if bit_depth == BIT_DEPTHS[0]:
        return samples.astype(np.int16)
    return samples.astype(np.int32) << 8
