"""The key of a piece, estimated: a chroma profile against those of Krumhansl and Kessler.

Profiles: C. Krumhansl, "Cognitive Foundations of Musical Pitch", 1990. A machine that knows
only which notes are frequent takes a fifth or the relative for the tonic now and then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from services.generator.audio.pcm import RATE, Pcm16

LEAST_CONFIDENCE: Final = 0.45
"""Below it the chroma is like no key: noise has 0.35, music 0.65 and more."""

Chroma = NDArray[np.float64]
"""Share of each pitch class from C on, shape (12,)."""

_WINDOW: Final = 16_384
_HOP: Final = 8_192
_CHUNK: Final = 32
_LOWEST_HZ: Final = 60
_HIGHEST_HZ: Final = 1_000
_A4_HZ: Final = 440.0
_A4_MIDI: Final = 69

_NAMES: Final = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_PROFILES: Final = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


@dataclass(frozen=True, slots=True)
class Key:
    """Tonic and mode, as in "F# minor"."""

    name: str
    confidence: float
    """0 to 1: the correlation of the piece's chroma with the key's profile."""


def key(clips: Sequence[Pcm16]) -> Key | None:
    """The key that *clips*, each of shape (frames, 2), are likest to; None when like none."""
    chroma = np.sum([_chroma(clip) for clip in clips], axis=0)
    if not np.ptp(chroma):
        return None
    likeness = {
        f"{name} {mode}": float(np.corrcoef(np.roll(profile, tonic), chroma)[0, 1])
        for mode, profile in _PROFILES.items()
        for tonic, name in enumerate(_NAMES)
    }
    best = max(likeness, key=likeness.__getitem__)
    return Key(best, likeness[best]) if likeness[best] >= LEAST_CONFIDENCE else None


def _chroma(pcm: Pcm16) -> Chroma:
    """Each window counts the same, loud or soft; low notes count more, as the bass tells most."""
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    used = np.flatnonzero((frequencies > _LOWEST_HZ) & (frequencies < _HIGHEST_HZ))
    notes = np.rint(_A4_MIDI + 12 * np.log2(frequencies[used] / _A4_HZ)).astype(int)
    weights = (notes[:, np.newaxis] % 12 == np.arange(12)) / frequencies[used, np.newaxis] ** 0.5
    total = np.zeros(12)
    for spectra in _spectra(pcm):
        classes = spectra[:, used] @ weights
        total += (classes / np.maximum(classes.sum(axis=1, keepdims=True), 1e-9)).sum(axis=0)
    return total


def _spectra(pcm: Pcm16) -> Iterator[NDArray[np.float32]]:
    """Magnitudes per window, some windows at a time."""
    count = (len(pcm) - _WINDOW) // _HOP + 1
    shape = np.hanning(_WINDOW).astype(np.float32)
    for start in range(0, count, _CHUNK):
        stop = min(start + _CHUNK, count)
        part = pcm[start * _HOP : (stop - 1) * _HOP + _WINDOW]
        mono = part[:, 0].astype(np.float32) + part[:, 1]
        windows = sliding_window_view(mono, _WINDOW)[::_HOP]
        yield np.abs(np.fft.rfft(windows * shape, axis=1))
