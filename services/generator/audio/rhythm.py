"""The tempo that the clips of a track share, and the beats of each; NumPy only.

The tempo is what their onsets, all added, repeat with. Each clip sharpens it on the spectrum of its
own onsets, and has its beats where the clearest clip has them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from services.generator.audio import onsets, tempo
from services.generator.audio.onsets import PER_SECOND, Curve, Flux
from services.generator.audio.pcm import RATE, Pcm16
from services.generator.audio.phase import Profile, earlier, first_beat, profile
from services.generator.audio.tempo import Expected, Repeats

LEAST_SECONDS: Final = 6.0
"""A shorter sound has too few beats to tell them from chance."""
CLEAR: Final = 0.4
"""The least confidence of a clear beat: noise has 0.05, strings 0.3, drums 0.55 and more."""
SAME: Final = 0.01
"""Clips whose tempi differ by a larger share are not in one tempo."""
EXACT: Final = 0.002
"""Within this share of a number that was asked for a tempo is that number: what is measured
differs from what is played by up to 0.001 (composed clips)."""

_HARMONICS: Final = (1, 2, 3, 4, 6, 8)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Beats at ``first_beat + n * 60 / bpm`` seconds, the first one less than a beat from 0."""

    bpm: float
    first_beat: float
    confidence: float
    """0 to 1: how much the onsets are like themselves one to eight beats later."""


def rhythms(clips: Iterable[Pcm16], expected: Expected | None = None) -> list[Rhythm | None]:
    """Tempo and beat of each clip of a track, of shape (frames, 2): one tempo for all.

    None for a clip without a clear beat, and for one in another tempo than the clearest. Music
    rarely says whether it counts 60 or 120: what was *expected* decides that, and without it the
    tempo is right up to an octave. Nor does it say what is on the beat and what is off it: all
    clips agree with the clearest.
    """
    heard = [_Heard.of(clip) if len(clip) >= LEAST_SECONDS * RATE else None for clip in clips]
    together = sum((each.repeats for each in heard if each), start=np.zeros_like(tempo.TEMPI))
    bpm = tempo.likeliest(together, expected)
    beats = [each and each.beat(bpm, expected) for each in heard]
    clear = (beat for beat in beats if beat)
    clearest = max(clear, key=lambda beat: beat.rhythm.confidence, default=None)
    return [beat.beside(clearest) if beat and clearest else None for beat in beats]


def overall(found: Sequence[Rhythm | None]) -> Rhythm | None:
    """That of the clip with the clearest beat; the clips without one make it less certain."""
    heard = [one for one in found if one]
    if not heard:
        return None
    confidence = sum(one.confidence for one in heard) / len(found)
    return replace(max(heard, key=lambda one: one.confidence), confidence=confidence)


@dataclass(frozen=True, slots=True)
class _Beat:
    rhythm: Rhythm
    profile: Profile

    def beside(self, clearest: "_Beat") -> Rhythm | None:
        """The rhythm, on the same beat as another clip, if in the same tempo."""
        own = self.rhythm
        if abs(own.bpm / clearest.rhythm.bpm - 1) > SAME:
            return None
        beat = 60 / own.bpm
        first = own.first_beat - earlier(clearest.profile, self.profile) * beat
        return replace(own, first_beat=first % beat)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a clip is to the ear."""

    flux: Flux
    curve: Curve
    repeats: Repeats

    @classmethod
    def of(cls, clip: Pcm16) -> "_Heard":
        flux = onsets.flux(clip)
        curve = onsets.curve(flux)
        return cls(flux, curve, tempo.repeats(curve))

    def beat(self, bpm: float, expected: Expected | None) -> _Beat | None:
        """The beat near a tempo, if it is clear."""
        rough, confidence = tempo.near(self.repeats, bpm, tempo.NEAR)
        if confidence < CLEAR:
            return None
        bpm = _sharpened(self.curve, rough)
        if expected:
            bpm = expected.instead_of(bpm, EXACT)
        first = first_beat(self.curve, bpm)
        return _Beat(Rhythm(bpm, first, min(confidence, 1.0)), profile(self.flux, bpm, first))


def _sharpened(curve: Curve, bpm: float) -> float:
    """The tempo near *bpm* at which the beat and its subdivisions are strongest."""
    size = 1 << (8 * len(curve) - 1).bit_length()
    power = np.abs(np.fft.rfft(curve - curve.mean(), size)) ** 2
    tempi = bpm * np.linspace(0.985, 1.015, 601)
    bins = tempi / 60 / PER_SECOND * size
    strength = sum(np.interp(k * bins, np.arange(len(power)), power) for k in _HARMONICS)
    return float(tempi[np.argmax(strength)])
