"""A look-ahead true-peak limiter, as one gain curve with a node at each cell boundary.

Reduction is worked out in decibels on the cells' true peaks: it releases in a straight line,
is held ahead of each peak by a sliding maximum, and smoothed by a window no longer than that
hold, so that no sample is left above the ceiling (a common design: Signalsmith, "Designing a
straightforward limiter", without its exponential release).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.generator.audio.loudness import CELL, Peaks
from services.generator.audio.pcm import CHANNELS, RATE, Samples

MAX_REDUCTION_DB: Final = 6.0
"""More than this is heard as pumping: callers bound their gain by it."""

_LOOK_AHEAD: Final = round(0.005 * RATE / CELL)
_RELEASE_DB: Final = 20.0 * CELL / RATE
"""Per cell: 20 dB a second, slow enough not to bend a bass note."""

Curve = NDArray[np.float64]
"""Decibels, shape (cells + 1,): the value at each cell boundary, linear in between."""
AnyPeaks = Peaks | NDArray[np.float32]
"""dBTP per cell, shape (cells,)."""
Gains = NDArray[np.float32]
"""Factors, one at each cell boundary, linear in between."""


def reduction(peaks_db: AnyPeaks, ceiling_db: float, *, loop: bool = False) -> Curve:
    """How far each node must be turned down, >= 0 dB, for peaks in dBTP per cell.

    What is played over and over, a *loop* of two cells or more, ends at the value that it begins
    with.
    """
    return _around(peaks_db, ceiling_db) if loop else _along(peaks_db, ceiling_db)


def apply(block: Samples, gains: Gains) -> None:
    """Multiply *block* in place by *gains*: its first frame is at the first of these nodes."""
    if (gains == gains[0]).all():
        block *= gains[0]
        return
    ramp = np.repeat(np.arange(CELL, dtype=np.float32) / CELL, CHANNELS)
    factors = np.outer(np.diff(gains), ramp)
    factors += gains[:-1, np.newaxis]
    block *= factors.reshape(-1, CHANNELS)[: len(block)]


def _along(peaks_db: AnyPeaks, ceiling_db: float) -> Curve:
    over = np.pad(np.maximum(peaks_db - ceiling_db, 0.0), 1)
    return _attacked(_released(np.maximum(over[:-1], over[1:])))


def _around(peaks_db: AnyPeaks, ceiling_db: float) -> Curve:
    """The last cell may be a short one: no gain moves there, so that the seam is smooth anyway."""
    around = round(MAX_REDUCTION_DB / _RELEASE_DB) + 2 * _LOOK_AHEAD
    circle = peaks_db[:-1].astype(np.float64)
    circle[0] = max(circle[0], peaks_db[-1])
    curve = _along(np.pad(circle, around, mode="wrap"), ceiling_db)[around:-around]
    return np.append(curve[:-1], [curve[0]] * 2)


def _released(need: Curve) -> Curve:
    """The least curve above *need* that falls no faster than the release."""
    slope = _RELEASE_DB * np.arange(len(need))
    released: Curve = np.maximum.accumulate(need + slope) - slope
    return np.maximum(released, 0.0)


def _attacked(held: Curve) -> Curve:
    """*held* reached by a smooth ramp that ends where the peak begins."""
    ahead = np.pad(held, (_LOOK_AHEAD, _LOOK_AHEAD), mode="edge")
    window = np.hanning(_LOOK_AHEAD + 3)[1:-1]
    return np.convolve(_held(ahead, _LOOK_AHEAD + 1), window / window.sum(), mode="valid")


def _held(curve: Curve, width: int) -> Curve:
    """The greatest of each *width* neighbours, found in steps that double."""
    reach = 1
    while reach < width:
        step = min(reach, width - reach)
        curve = np.maximum(curve[:-step], curve[step:])
        reach += step
    return curve
