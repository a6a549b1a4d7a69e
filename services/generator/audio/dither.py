"""Triangular dither (Lipshitz, Wannamaker and Vanderkooy, "Quantization and dither", 1992)."""

from typing import Final

import numpy as np

from services.generator.audio.pcm import CHANNELS, Samples

_STEP: Final = 2**-15
_UNIFORM: Final = 2**-16


class Dither:
    """A stream of noise for 16 bit: the difference of two uniform numbers, one step wide each.

    One raw 64-bit word per frame makes both numbers of both channels: NumPy promises the raw
    stream of a generator for good, and it costs half of what its float numbers do.
    """

    def __init__(self, seed: int) -> None:
        self._words = np.random.SFC64(seed)

    def add(self, samples: Samples) -> None:
        """Add the next piece of the stream to *samples*, in place."""
        words = self._words.random_raw(len(samples)).astype("<u8", copy=False)
        # Copied first: what lies apart in memory converts four times slower.
        halves = map(np.ascontiguousarray, words.view("<u4").reshape(-1, 2).T)
        noise, other = (half.view("<u2").astype(np.float32) for half in halves)
        noise -= other
        noise *= _STEP * _UNIFORM
        samples += noise.reshape(-1, CHANNELS)
