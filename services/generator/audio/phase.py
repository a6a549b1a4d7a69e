"""Where the beats of a clip are, by their strength and beside another clip; NumPy only.

What sounds between beats may be as strong as the beats: a bass after each drum. Which of the two
is the beat matters less than that it is the same in all clips. Their profiles tell, which say for
each band of the spectrum in what part of a beat it sounds.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.generator.audio.onsets import LATENCY_SECONDS, PER_SECOND, Curve, Flux

Profile = NDArray[np.float64]
"""How much begins in each part of a beat, the first around the beat; standardised, shape
(24, bands)."""

_PHASES: Final = 200
_PARTS: Final = 24
_SILENCE: Final = 1e-4
_CLEARLY: Final = 0.05
"""Clips of an even pulse are as like each other half a beat apart."""


def first_beat(curve: Curve, bpm: float) -> float:
    """Seconds to the first of the beats of this tempo on which most begins."""
    period = 60 * PER_SECOND / bpm
    phases = np.arange(_PHASES) * period / _PHASES
    beats = np.arange(int(len(curve) / period) - 1) * period
    folded = np.interp(phases[:, np.newaxis] + beats, np.arange(len(curve)), curve).sum(axis=1)
    late = phases[folded.argmax()] / PER_SECOND + LATENCY_SECONDS
    return float(late % (60 / bpm))


def profile(flux: Flux, bpm: float, first_beat: float) -> Profile:
    """What begins where in the beats at ``first_beat + n * 60 / bpm`` seconds."""
    seconds = np.arange(len(flux)) / PER_SECOND + LATENCY_SECONDS
    parts = np.rint((seconds - first_beat) * bpm / 60 * _PARTS).astype(int) % _PARTS
    mean = np.stack([flux[parts == part].mean(axis=0) for part in range(_PARTS)])
    standard: Profile = (mean - mean.mean(axis=0)) / (mean.std(axis=0) + _SILENCE)
    return standard


def earlier(one: Profile, other: Profile) -> float:
    """How much earlier, in beats, *other* has to begin its beats to be like *one*: 0 to 3/4.

    Quarters, because the beats of slow music may have been counted in pairs.
    """
    likeness = [
        float((one * np.roll(other, quarter * _PARTS // 4, axis=0)).mean()) for quarter in range(4)
    ]
    best = int(np.argmax(likeness))
    return best / 4 if likeness[best] > likeness[0] + _CLEARLY else 0.0
