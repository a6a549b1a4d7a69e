"""Synthetic sound of every awkward kind, the same on each run."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.generator.audio.pcm import RATE, Samples

Wave = NDArray[np.floating[Any]]


def _single(wave: Wave) -> Samples:
    return np.asarray(wave, np.float32)


def _time(seconds: float) -> Wave:
    return np.arange(round(seconds * RATE)) / RATE


def sine(seconds: float, hertz: float = 997.0, dbfs: float = 0.0, phase: float = 0.0) -> Samples:
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * _time(seconds) + phase)
    return _single(np.stack([wave, wave], axis=1))


def pink(seconds: float, seed: int = 1) -> Samples:
    frames = round(seconds * RATE)
    noise = np.random.default_rng(seed).standard_normal((frames, 2))
    spectrum = np.fft.rfft(noise, axis=0)
    spectrum[0] = 0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))[:, np.newaxis]
    wave = np.fft.irfft(spectrum, frames, axis=0)
    return _single(0.5 * wave / np.abs(wave).max())


def bursts(seconds: float) -> Samples:
    loud = np.sin(2 * np.pi * 2 * _time(seconds)) > 0
    return _single(pink(seconds) * (0.3 + 0.7 * loud)[:, np.newaxis])


def hits(seconds: float) -> Samples:
    """Two drum hits a second and nothing between them: a crest factor above 20 dB."""
    since = np.mod(_time(seconds) + 0.4, 0.5)
    decay = np.exp(-since / 0.006)[:, np.newaxis]
    noise = np.random.default_rng(2).standard_normal((len(since), 2))
    wave = noise * decay
    return _single(0.9 * wave / np.abs(wave).max())


def quiet(seconds: float) -> Samples:
    return bursts(seconds) * np.float32(0.005)


def clipped(seconds: float) -> Samples:
    return _single(np.clip(12 * bursts(seconds), -1, 1 - 2**-15))


def offset(seconds: float) -> Samples:
    return _single(bursts(seconds) * 0.4 + np.array([0.2, -0.1]))


def between(seconds: float) -> Samples:
    """A quarter of the rate at 45 degrees: 3 dB of peak that no sample shows."""
    return sine(seconds, RATE / 4, -0.5, np.pi / 4)


MATERIAL: Mapping[str, Callable[[float], Samples]] = {
    "sine": sine,
    "pink": pink,
    "bursts": bursts,
    "hits": hits,
    "quiet": quiet,
    "clipped": clipped,
    "offset": offset,
    "between": between,
}
