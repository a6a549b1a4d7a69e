"""A look-ahead true-peak limiter, as one gain curve with a node at each cell boundary.

Reduction is worked out in decibels on the cells' true peaks: it releases in a straight line,
is held ahead of each peak by a sliding maximum, and smoothed by a window no longer than that
hold, so that no sample is left above the ceiling (a common design: Signalsmith, "Designing a
straightforward limiter", without its exponential release).
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from services.generator.audio.loudness import CELL, Peaks
from services.generator.audio.pcm import BLOCK, RATE, Samples

MAX_REDUCTION_DB: Final = 6.0
"""More than this is heard as pumping: callers bound their gain by it."""

_LOOK_AHEAD: Final = round(0.005 * RATE / CELL)
_RELEASE_DB: Final = 20.0 * CELL / RATE
"""Per cell: 20 dB a second, slow enough not to bend a bass note."""

Curve = NDArray[np.float64]
"""Decibels, shape (cells + 1,): the value at each cell boundary, linear in between."""


def reduction(peaks_db: Peaks, ceiling_db: float) -> Curve:
    """How far each node must be turned down, >= 0 dB, for peaks in dBTP per cell."""
    over = np.pad(np.maximum(peaks_db - ceiling_db, 0.0), 1)
    return _attacked(_released(np.maximum(over[:-1], over[1:])))


def apply(samples: Samples, gains_db: Curve) -> Iterator[Samples]:
    """*samples* block by block, each frame times the interpolated gain."""
    gains = 10 ** (gains_db / 20)
    nodes = np.arange(len(gains)) * CELL
    for start in range(0, len(samples), BLOCK):
        block = samples[start : start + BLOCK]
        first, last = start // CELL, -(-(start + len(block)) // CELL) + 1
        at = np.arange(start, start + len(block))
        gain = np.interp(at, nodes[first:last], gains[first:last]).astype(np.float32)
        yield block * gain[:, np.newaxis]


def _released(need: Curve) -> Curve:
    """The least curve above *need* that falls no faster than the release."""
    slope = _RELEASE_DB * np.arange(len(need))
    released: Curve = np.maximum.accumulate(need + slope) - slope
    return np.maximum(released, 0.0)


def _attacked(held: Curve) -> Curve:
    """*held* reached by a smooth ramp that ends where the peak begins."""
    ahead = np.pad(held, (_LOOK_AHEAD, _LOOK_AHEAD), mode="edge")
    holds = sliding_window_view(ahead, _LOOK_AHEAD + 1).max(axis=1)
    window = np.hanning(_LOOK_AHEAD + 3)[1:-1]
    ramped: Curve = np.convolve(holds, window / window.sum(), mode="valid")
    return ramped
