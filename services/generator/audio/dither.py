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
        first, second = np.moveaxis(words.view("<u2").reshape(-1, 2, CHANNELS), 1, 0)
        noise = first.astype(np.float32)
        noise -= second
        noise *= _STEP * _UNIFORM
        samples += noise
