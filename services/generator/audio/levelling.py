"""Brings a track to a target loudness under a true-peak ceiling: static gain, then limiter."""

from collections.abc import Iterator
from typing import Final

from services.generator.audio import limiter
from services.generator.audio.loudness import FLOOR_LUFS, Peaks, cell_peaks, integrated
from services.generator.audio.pcm import Samples, blocks

_TOLERANCE_LU: Final = 0.05
_STEPS: Final = 8
_LEAST_SLOPE: Final = 0.1
_GUARD_DB: Final = 0.05
"""What the gain's own movement and the dither may add to a limited peak, and to spare."""


def level(track: Samples, target: float, ceiling_dbtp: float) -> tuple[float, Iterator[Samples]]:
    """The static gain in dB, and *track* at *target* LUFS in blocks, or as near as music bears."""
    ceiling = ceiling_dbtp - _GUARD_DB
    peaks = cell_peaks(blocks(track))
    gain = _gain_for(track, peaks, target, ceiling)
    return gain, _limited(track, peaks, gain, ceiling)


def _gain_for(track: Samples, peaks: Peaks, target: float, ceiling: float) -> float:
    """Secant steps on the loudness after the limiter, which rises with the gain, but slower."""
    last_gain, last = 0.0, integrated(blocks(track))
    if last <= FLOOR_LUFS:
        return 0.0
    most = ceiling + limiter.MAX_REDUCTION_DB - float(peaks.max())
    gain = min(target - last, most)
    for _ in range(_STEPS):
        loudness = integrated(_limited(track, peaks, gain, ceiling))
        missing = target - loudness
        if abs(missing) < _TOLERANCE_LU or (gain == most and missing > 0):
            break
        slope = (loudness - last) / (gain - last_gain) if gain != last_gain else 1.0
        last_gain, last = gain, loudness
        gain = min(gain + missing / max(slope, _LEAST_SLOPE), most)
    return gain


def _limited(track: Samples, peaks: Peaks, gain: float, ceiling: float) -> Iterator[Samples]:
    return limiter.apply(track, gain - limiter.reduction(peaks + gain, ceiling))
