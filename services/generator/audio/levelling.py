"""Finds the static gain that brings a track to its loudness under a ceiling, limiter included.

All is worked out on what one read has left: energy and true peak per cell, 1500 a second.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.generator.audio import limiter
from services.generator.audio.limiter import Curve
from services.generator.audio.loudness import CELL, FLOOR_LUFS, Energies, Peaks
from services.generator.audio.pcm import RATE

_TOLERANCE_LU: Final = 0.01
_STEPS: Final = 12
_LEAST_SLOPE: Final = 0.1
_GUARD_DB: Final = 0.05
"""What the gain's own movement (0.002 dB at most, over hostile noise) and the dither (0.001) may
add to a limited peak; the rest is to spare."""

_STEP_CELLS: Final = RATE // 10 // CELL
_STEPS_IN_BLOCK: Final = 4
_RELATIVE_GATE_LU: Final = -10.0
_OFFSET_LU: Final = -0.691


def level(
    energies: Energies, peaks: Peaks, target: float, ceiling: float, *, loop: bool = False
) -> tuple[float, Curve]:
    """The static gain in dB and the whole gain in dB at each node, for *target* LUFS.

    The limiter takes 6 dB at most: where that binds, the track stays below its target. What has
    no loudness is not made louder. *ceiling* is in dBTP. The gain of a *loop* ends as it begins.
    """
    ceiling -= _GUARD_DB

    def curve(gain: float) -> Curve:
        return gain - limiter.reduction(peaks + gain, ceiling, loop=loop)

    most = ceiling + limiter.MAX_REDUCTION_DB - float(peaks.max())
    gain = _gain_for(energies, target, most, curve)
    return gain, curve(gain)


def integrated(energies: Energies | NDArray[np.float64]) -> float:
    """Integrated loudness in LUFS of K-weighted cells, gated as in ITU-R BS.1770-4."""
    powers = _gating_blocks(energies)
    powers = powers[powers > _power(FLOOR_LUFS)]
    if not powers.size:
        return FLOOR_LUFS
    threshold = _loudness(powers.mean()) + _RELATIVE_GATE_LU
    return _loudness(powers[powers > _power(threshold)].mean())


def _gain_for(
    energies: Energies, target: float, most: float, curve: Callable[[float], Curve]
) -> float:
    """Secant steps on the loudness after the limiter, which rises with the gain, but slower."""
    last_gain, last = 0.0, integrated(energies)
    if last <= FLOOR_LUFS:
        return min(0.0, most)
    gain = min(target - last, most)
    for _ in range(_STEPS):
        reached = integrated(_through(energies, curve(gain)))
        missing = target - reached
        if abs(missing) < _TOLERANCE_LU or (gain == most and missing > 0):
            break
        slope = (reached - last) / (gain - last_gain) if gain != last_gain else 1.0
        last_gain, last = gain, reached
        gain = min(gain + missing / max(slope, _LEAST_SLOPE), most)
    return gain


def _through(energies: Energies, curve: Curve) -> NDArray[np.float64]:
    """Energies after a gain that is linear between the nodes of *curve*: the mean of its square."""
    nodes = 10 ** (curve / 20)
    first, last = nodes[:-1], nodes[1:]
    mean: NDArray[np.float64] = energies * (first**2 + first * last + last**2) / 3
    return mean


def _gating_blocks(energies: Energies | NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean power of 400 ms, every 100 ms."""
    steps = len(energies) // _STEP_CELLS
    whole = energies[: steps * _STEP_CELLS].reshape(steps, _STEP_CELLS)
    sums = np.concatenate([[0.0], whole.sum(axis=1, dtype=np.float64).cumsum()])
    frames = _STEPS_IN_BLOCK * _STEP_CELLS * CELL
    blocks: NDArray[np.float64] = (sums[_STEPS_IN_BLOCK:] - sums[:-_STEPS_IN_BLOCK]) / frames
    return blocks


def _loudness(power: float) -> float:
    return float(_OFFSET_LU + 10 * np.log10(power))


def _power(loudness: float) -> float:
    return float(10 ** ((loudness - _OFFSET_LU) / 10))
