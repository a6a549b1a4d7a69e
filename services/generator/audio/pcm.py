"""The one sample format inside Motif: 48 kHz stereo, float32 at work, 16 bit at both ends."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48_000
"""Frames per second."""
CHANNELS: Final = 2
BLOCK: Final = RATE // 5
"""Frames that are worked on at a time (whole cells): what keeps a step's memory small."""

Samples = NDArray[np.float32]
"""Shape (frames, 2), full scale 1.0."""
Pcm16 = NDArray[np.int16]
"""Shape (frames, 2)."""

_FULL_SCALE: Final = 32_768


def blocks(samples: Samples) -> Iterator[Samples]:
    """Views of *samples*, each of ``BLOCK`` frames but the last."""
    for start in range(0, len(samples), BLOCK):
        yield samples[start : start + BLOCK]


def to_float(pcm: Pcm16) -> Samples:
    """16-bit samples as float32; ``quantise`` gives exactly the same samples back."""
    samples = pcm.astype(np.float32)
    samples /= _FULL_SCALE
    return samples


def float_blocks(pcm: Pcm16) -> Iterator[Samples]:
    """``blocks`` of 16-bit samples, converted one at a time."""
    for start in range(0, len(pcm), BLOCK):
        yield to_float(pcm[start : start + BLOCK])


def quantise(parts: Iterable[Samples], frames: int, *, dither_seed: int | None = None) -> Pcm16:
    """Round *parts*, *frames* in all, to 16 bit; with a seed, TPDF dither of 2 LSB goes before."""
    noise = None if dither_seed is None else np.random.default_rng(dither_seed)
    pcm = np.empty((frames, CHANNELS), np.int16)
    start = 0
    for part in parts:
        scaled = part * np.float32(_FULL_SCALE)
        if noise is not None:
            scaled += noise.random(scaled.shape, dtype=np.float32)
            scaled -= noise.random(scaled.shape, dtype=np.float32)
        np.rint(scaled, out=scaled)
        np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1, out=scaled)
        pcm[start : start + len(part)] = scaled
        start += len(part)
    return pcm
