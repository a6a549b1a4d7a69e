"""Which tempo onsets repeat with, and which of the likely ones is meant; NumPy only.

A comb over the autocorrelation of the onsets under a log-normal prior (D. Ellis, "Beat Tracking by
Dynamic Programming", 2007, §3.2).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.generator.audio.onsets import PER_SECOND, Curve

SLOWEST_BPM: Final = 40.0
FASTEST_BPM: Final = 220.0
TEMPI: Final = np.arange(SLOWEST_BPM, FASTEST_BPM + 0.1, 0.25)
"""Beats per minute."""
NEAR: Final = 0.03
"""Share by which a tempo on this grid may miss that of a clip."""

Repeats = NDArray[np.float64]
"""How much a clip repeats with each of the ``TEMPI``, up to 1, shape (tempi,)."""

_RIPPLE: Final = 0.003
"""An onset curve no stronger than this is a steady tone's, whose windows differ a little."""
_SOFT: Final = np.hanning(7)[1:-1] / np.hanning(7).sum()
"""Players are 10 ms early or late, and no tempo is a whole number of hops."""
_TEETH: Final = np.arange(1, 9)
_WEIGHTS: Final = _TEETH**-0.25
_OVERLAPPING: Final = 0.8
"""A lag must leave a fifth of the curve to be compared."""

_USUAL_BPM: Final = 110.0
_USUAL_OCTAVES: Final = 0.8
_SAME: Final = 0.01
_AS_GOOD: Final = 0.9
"""A beat repeats no less than this beside its one and a half; beside what is no beat, that
repeats 0.6 at most (composed clips)."""
_OCTAVES: Final = (0.5, 1.0, 2.0)
_OCTAVE_AS_GOOD: Final = 0.7
"""A beat repeats 0.8 or more beside its double and its half."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The tempo that was asked for: a number (*exact*), or about what a word means."""

    bpm: float
    exact: bool

    def instead_of(self, bpm: float, share: float) -> float:
        """The number, its half or its double, if *bpm* is within a share of it; else *bpm*."""
        numbers = [octave * self.bpm for octave in _OCTAVES if self.exact]
        return next((number for number in numbers if abs(bpm / number - 1) <= share), bpm)


def likeliest(repeats: Repeats, expected: Expected | None) -> float:
    """The tempo of what repeats so, in BPM, right to *NEAR*.

    A word that was expected only chooses the octave; a number also a tempo that is as good.
    """
    prior = np.exp(-0.5 * (np.log2(TEMPI / _USUAL_BPM) / _USUAL_OCTAVES) ** 2)
    pulse = float(TEMPI[(repeats * prior).argmax()])
    pulse = _unless_worse(repeats, pulse, 1.5 * pulse, _SAME)
    if expected is None:
        return pulse
    if expected.exact:
        pulse = _unless_worse(repeats, pulse, expected.bpm, NEAR)
    return _in_octave(repeats, pulse, expected.bpm)


def _unless_worse(repeats: Repeats, bpm: float, rival_bpm: float, share: float) -> float:
    """The tempo near the rival, if it is as good."""
    rival = near(repeats, rival_bpm, share)
    return rival[0] if rival[1] >= _AS_GOOD * near(repeats, bpm, 0.0)[1] else bpm


def _in_octave(repeats: Repeats, pulse: float, expected_bpm: float) -> float:
    """The pulse, its half or its double: of those that repeat, the nearest to what is expected."""
    octaves = [near(repeats, octave * pulse, _SAME) for octave in _OCTAVES]
    enough = _OCTAVE_AS_GOOD * octaves[1][1]
    heard = (bpm for bpm, strength in octaves if strength >= enough)
    return min(heard, key=lambda bpm: abs(np.log2(bpm / expected_bpm)))


def near(repeats: Repeats, bpm: float, share: float) -> tuple[float, float]:
    """The tempo within a share of *bpm* that repeats most, and how much; 0 outside of the TEMPI."""
    inside = np.where(np.abs(TEMPI / bpm - 1) <= share, repeats, 0.0)
    best = inside.argmax()
    return float(TEMPI[best]), float(inside[best])


def repeats(curve: Curve) -> Repeats:
    """Mean likeness of an onset curve to itself one to eight beats later, for each tempo."""
    likeness = _autocorrelation(curve)
    lags = np.outer(_TEETH, 60 * PER_SECOND / TEMPI)
    heard = np.where(lags < _OVERLAPPING * len(curve), _WEIGHTS[:, np.newaxis], 0.0)
    comb = np.interp(lags, np.arange(len(likeness)), likeness)
    mean: Repeats = (comb * heard).sum(axis=0) / heard.sum(axis=0)
    return mean


def _autocorrelation(curve: Curve) -> Curve:
    """Likeness to itself at each lag in hops, 1 at lag 0, no smaller where less overlaps."""
    waves = np.convolve(curve - curve.mean(), _SOFT, "same")
    size = 1 << (2 * len(waves) - 1).bit_length()
    products = np.fft.irfft(np.abs(np.fft.rfft(waves, size)) ** 2)[: len(waves)]
    shares = 1 - np.arange(len(waves)) / len(waves)
    likeness: Curve = products / shares / max(products[0], len(waves) * _RIPPLE**2)
    return likeness
