"""Tempo and beat of a clip or a track, heard in its onsets; NumPy only.

Onsets are the spectral flux in logarithmic bands; the tempo is the best comb over their
autocorrelation under a log-normal prior (D. Ellis, "Beat Tracking by Dynamic Programming", 2007),
sharpened on their spectrum; the beat is where they fall when they are folded to one period.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from services.generator.audio.pcm import RATE, Pcm16

SLOWEST_BPM: Final = 40.0
FASTEST_BPM: Final = 220.0
LEAST_SECONDS: Final = 6.0
"""A shorter sound has too few beats to tell them from chance."""
CLEAR: Final = 0.4
"""The least confidence of a clear beat: noise has 0.05, strings 0.3, drums 0.55 and more."""

Curve = NDArray[np.float64]
"""Onset strength, one value per hop, shape (hops,)."""

_HOP: Final = 480
_WINDOW: Final = 1024
_PER_SECOND: Final = RATE / _HOP
_BANDS: Final = 40
_COMPRESSION: Final = 100.0
_CHUNK: Final = 500
_MEAN_HOPS: Final = 50
_LATENCY_SECONDS: Final = 0.0135
"""How long after the start of its window a hit changes the spectrum most (measured)."""

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
_EXPECTED_OCTAVES: Final = 0.3
_AS_GOOD: Final = 0.97
_HARMONICS: Final = (1, 2, 3, 4, 6, 8)
_PHASES: Final = 200


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Beats at ``first_beat + n * 60 / bpm`` seconds, the first one less than a beat from 0."""

    bpm: float
    first_beat: float
    confidence: float
    """0 to 1: how much the onsets are like themselves one to eight beats later."""


def rhythm(pcm: Pcm16, expected_bpm: float | None) -> Rhythm | None:
    """Tempo and beat of *pcm*, shape (frames, 2); None when there is no clear beat.

    Music rarely says whether it counts 60 or 120: *expected_bpm*, what was asked for, decides
    that, and without it the tempo is right up to an octave.
    """
    if len(pcm) < LEAST_SECONDS * RATE:
        return None
    curve = _onsets(pcm)
    rough, confidence = _tempo(curve, expected_bpm)
    if confidence < CLEAR:
        return None
    bpm = _sharpened(curve, rough)
    return Rhythm(bpm, _first_beat(curve, bpm), min(confidence, 1.0))


def _onsets(pcm: Pcm16) -> Curve:
    flux = np.concatenate([*_flux(pcm)])
    mean = np.convolve(flux, np.ones(_MEAN_HOPS) / _MEAN_HOPS, "same")
    curve: Curve = np.maximum(flux - mean, 0.0)
    return curve


def _flux(pcm: Pcm16) -> Iterator[Curve]:
    """How much louder the bands have become since the last hop, in chunks."""
    last = None
    hops = (len(pcm) - _WINDOW) // _HOP + 1
    for start in range(0, hops, _CHUNK):
        stop = min(start + _CHUNK, hops)
        bands = _loudness(pcm[start * _HOP : (stop - 1) * _HOP + _WINDOW])
        before = bands[:1] if last is None else last
        yield np.maximum(np.diff(bands, axis=0, prepend=before), 0.0).mean(axis=1)
        last = bands[-1:]


def _loudness(pcm: Pcm16) -> NDArray[np.float32]:
    """Compressed magnitude per hop and band."""
    mono = (pcm[:, 0].astype(np.float32) + pcm[:, 1]) / 65_536
    windows = sliding_window_view(mono, _WINDOW)[::_HOP]
    spectra = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32), axis=1))
    edges = np.unique(np.geomspace(2, _WINDOW // 2, _BANDS + 1).astype(int))[:-1]
    bands = np.add.reduceat(spectra, edges, axis=1) / _WINDOW**0.5
    loudness: NDArray[np.float32] = np.log1p(_COMPRESSION * bands).astype(np.float32)
    return loudness


def _tempo(curve: Curve, expected_bpm: float | None) -> tuple[float, float]:
    """The likeliest BPM, roughly, and how much the curve repeats with it."""
    tempi = np.arange(SLOWEST_BPM, FASTEST_BPM + 0.1, 0.25)
    repeats = _repeats(curve, tempi)
    centre = expected_bpm or _USUAL_BPM
    width = _EXPECTED_OCTAVES if expected_bpm else _USUAL_OCTAVES
    prior = np.exp(-0.5 * (np.log2(tempi / centre) / width) ** 2)
    best = int((repeats * prior).argmax())
    if not expected_bpm:
        best = _not_dotted(tempi, repeats, best)
    return float(tempi[best]), float(repeats[best])


def _repeats(curve: Curve, tempi: Curve) -> Curve:
    """Mean likeness of the curve to itself one to eight beats later, for each tempo."""
    likeness = _autocorrelation(curve)
    lags = np.outer(_TEETH, 60 * _PER_SECOND / tempi)
    heard = np.where(lags < _OVERLAPPING * len(curve), _WEIGHTS[:, np.newaxis], 0.0)
    comb = np.interp(lags, np.arange(len(likeness)), likeness)
    repeats: Curve = (comb * heard).sum(axis=0) / heard.sum(axis=0)
    return repeats


def _not_dotted(tempi: Curve, repeats: Curve, best: int) -> int:
    """A beat and a half often repeats as well as a beat: the beat is the shorter of them."""
    near = np.flatnonzero(np.abs(tempi - 1.5 * tempi[best]) <= 1.0)
    rival = int(near[repeats[near].argmax()]) if near.size else best
    return rival if repeats[rival] >= _AS_GOOD * repeats[best] else best


def _autocorrelation(curve: Curve) -> Curve:
    """Likeness to itself at each lag in hops, 1 at lag 0, no smaller where less overlaps."""
    waves = np.convolve(curve - curve.mean(), _SOFT, "same")
    size = 1 << (2 * len(waves) - 1).bit_length()
    products = np.fft.irfft(np.abs(np.fft.rfft(waves, size)) ** 2)[: len(waves)]
    shares = 1 - np.arange(len(waves)) / len(waves)
    likeness: Curve = products / shares / max(products[0], len(waves) * _RIPPLE**2)
    return likeness


def _sharpened(curve: Curve, bpm: float) -> float:
    """The tempo near *bpm* at which the beat and its subdivisions are strongest."""
    size = 1 << (8 * len(curve) - 1).bit_length()
    power = np.abs(np.fft.rfft(curve - curve.mean(), size)) ** 2
    tempi = bpm * np.linspace(0.985, 1.015, 601)
    bins = tempi / 60 / _PER_SECOND * size
    strength = sum(np.interp(k * bins, np.arange(len(power)), power) for k in _HARMONICS)
    return float(tempi[np.argmax(strength)])


def _first_beat(curve: Curve, bpm: float) -> float:
    period = 60 * _PER_SECOND / bpm
    phases = np.arange(_PHASES) * period / _PHASES
    beats = np.arange(int(len(curve) / period) - 1) * period
    folded = np.interp(phases[:, np.newaxis] + beats, np.arange(len(curve)), curve).sum(axis=1)
    late = phases[folded.argmax()] / _PER_SECOND + _LATENCY_SECONDS
    return float(late % (60 / bpm))
