"""A listener that knows nothing of the composer: tempo, brightness, onsets, sections by ear."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 48_000
HOP: Final = 480
"""Frames of the onset curve: 10 ms."""
CURVE_RATE: Final = RATE / HOP
_WINDOW: Final = 2048
_BEATS: Final = 8
_USUAL_BPM, _OCTAVES = 100.0, 2.0
_SLOWEST, _FASTEST = 40.0, 220.0
_HALF, _SIDE, _NEW = 50, 16, 0.1
"""Steps of half a second; half seconds of either side of a boundary; the least novelty of one."""

Curve = NDArray[np.float64]
Spectra = NDArray[np.float32]


def spectra(samples: NDArray[np.floating]) -> Spectra:
    """Magnitudes of Hann windows of 2048 frames around each HOPth, of both channels' mean."""
    mono = np.pad(samples.mean(axis=1, dtype=np.float32), _WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(mono, _WINDOW)[::HOP]
    return np.abs(np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32), axis=1))


def onsets(samples: NDArray[np.floating]) -> Curve:
    """How much new energy arrives, per 10 ms, over all frequencies (spectral flux)."""
    levels = np.log1p(10 * spectra(samples))
    rises = np.maximum(np.diff(levels, axis=0), 0).sum(axis=1)
    return np.concatenate(([0.0], rises))


def tempo(samples: NDArray[np.floating]) -> float:
    """Beats per minute: the period whose multiples the onsets' autocorrelation likes best.

    Of a beat, its half and its double, the one nearer to a walking pace wins.
    """
    curve = onsets(samples)
    curve -= np.convolve(curve, np.ones(50) / 50, "same")
    power = np.abs(np.fft.rfft(curve, 2 * len(curve))) ** 2
    likeness = np.fft.irfft(power)[: len(curve)] / np.arange(
        1.25 * len(curve), 0.25 * len(curve), -1
    )
    likeness = np.convolve(likeness, (0.25, 0.5, 0.25), "same")
    bpm = np.geomspace(_SLOWEST, _FASTEST, 8000)
    lags = 60 / bpm * CURVE_RATE * np.arange(1, _BEATS + 1)[:, None]
    comb = np.interp(lags, np.arange(len(likeness)), likeness).mean(axis=0)
    walking = np.exp(-0.5 * (np.log2(bpm / _USUAL_BPM) / _OCTAVES) ** 2)
    return float(bpm[np.argmax(comb * walking)])


def brightness(samples: NDArray[np.floating]) -> float:
    """The mean spectral centroid, in octaves."""
    magnitudes = spectra(samples)[::8]
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    loud = magnitudes[magnitudes.sum(axis=1) > 0.1 * magnitudes.sum(axis=1).mean()]
    return float(np.log2((loud @ frequencies) / loud.sum(axis=1)).mean())


def onset_density(samples: NDArray[np.floating]) -> float:
    """Onsets per second: highest of 90 ms, and well above the second around them."""
    curve = onsets(samples)
    around = np.convolve(curve, np.ones(100) / 100, "same")
    highest = np.lib.stride_tricks.sliding_window_view(np.pad(curve, 4), 9).max(axis=1)
    found = (curve == highest) & (curve > 1.5 * around)
    return float(found.sum() / len(curve) * CURVE_RATE)


def outsiders(features: Curve, names: Sequence[str]) -> list[int]:
    """Rows that leave-one-out nearest-centroid gives another name; features are standardised."""
    labels = np.array(names)
    wrong = []
    for k, name in enumerate(names):
        others = np.arange(len(names)) != k
        mean, spread = features[others].mean(axis=0), features[others].std(axis=0)
        scaled = (features - mean) / spread
        centroids = {n: scaled[others & (labels == n)].mean(axis=0) for n in set(names)}
        distances = {n: float(np.linalg.norm(scaled[k] - c)) for n, c in centroids.items()}
        if min(distances, key=distances.__getitem__) != name:
            wrong.append(k)
    return wrong


def joined(clips: Sequence[NDArray[np.float32]], overlap: int) -> NDArray[np.float32]:
    """Clips one after another, faded into each other over *overlap* frames, equal in power."""
    rise = np.sin(np.linspace(0, np.pi / 2, overlap, dtype=np.float32))[:, None]
    whole = clips[0]
    for clip in clips[1:]:
        seam = whole[-overlap:] * rise[::-1] + clip[:overlap] * rise
        whole = np.concatenate((whole[:-overlap], seam, clip[overlap:]))
    return whole


def boundaries(samples: NDArray[np.floating]) -> list[float]:
    """Seconds at which a section ends: peaks of the novelty of the self-similarity (Foote 2000).

    Novelty is how much likelier two half seconds of the same side are than two of both sides,
    within eight seconds: 0 in music that only repeats, 1 between two that have nothing in common.
    """
    described = _described(samples)
    distance = np.square(described[:, None] - described[None]).mean(axis=2)
    likeness = np.exp(-distance / 2)
    found = [_novelty(likeness, k) for k in range(_SIDE, len(likeness) - _SIDE)]
    return [
        (k + _SIDE) / 2
        for k in range(1, len(found) - 1)
        if found[k] > _NEW and found[k] == max(found[max(0, k - _SIDE) : k + _SIDE + 1])
    ]


def _novelty(likeness: Curve, at: int) -> float:
    before, after = slice(at - _SIDE, at), slice(at, at + _SIDE)
    same = (likeness[before, before].mean() + likeness[after, after].mean()) / 2
    return float(same - likeness[before, after].mean())


def _described(samples: NDArray[np.floating]) -> Curve:
    """What each half second is like: level in twelve bands, and onsets; standardised."""
    magnitudes = spectra(samples)
    halves = len(magnitudes) // _HALF
    mean = magnitudes[: halves * _HALF].reshape(halves, _HALF, -1).mean(axis=1)
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    bands = np.digitize(frequencies, np.geomspace(60, 12_000, 13))
    levels = [mean[:, bands == band].sum(axis=1) for band in range(1, 13)]
    rises = np.maximum(np.diff(np.log1p(10 * magnitudes), axis=0, prepend=0), 0).sum(axis=1)
    levels.append(rises[: halves * _HALF].reshape(halves, _HALF).mean(axis=1))
    features = np.log(np.column_stack(levels) + 1e-3)
    return np.asarray((features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9))
