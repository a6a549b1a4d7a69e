"""Synthetic sound of every awkward kind, the same on each run."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.generator.audio.pcm import BLOCK, RATE, Pcm16, Samples

Wave = NDArray[np.floating[Any]]


def blocks(samples: Samples) -> Iterator[Samples]:
    """Views of *samples*, each of ``BLOCK`` frames but the last."""
    return (samples[start : start + BLOCK] for start in range(0, len(samples), BLOCK))


def pcm16(wave: Wave) -> Pcm16:
    """*wave* rounded and clipped."""
    return np.asarray(np.rint(wave * 32_768.0).clip(-32_768, 32_767), np.int16)


class Piece:
    """A source of samples that are all there: each reader gets blocks of its own."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.frames = len(samples)

    def blocks(self) -> Iterator[Samples]:
        return (block.copy() for block in blocks(self.samples))


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


def square(seconds: float, hertz: float = 110.0) -> Samples:
    """At full scale, with the overshoot of its edges between the samples."""
    wave = np.where(np.mod(hertz * _time(seconds), 1) < 0.5, 1.0, -1.0)
    return _single(np.stack([wave, wave], axis=1))


def drums(seconds: float) -> Samples:
    """Bass drum, snare and hi-hat over each other: the limiter never rests."""
    noise = np.random.default_rng(3).standard_normal(round(seconds * RATE))
    wave = np.zeros(len(noise))
    for hertz, every, decay, share in (
        (55, 0.5, 0.15, 0.0),
        (180, 0.25, 0.05, 1),
        (0, 0.125, 0.02, 1),
    ):
        since = np.mod(_time(seconds), every)
        wave += np.exp(-since / decay) * (np.sin(2 * np.pi * hertz * since) + share * noise)
    return _single(np.stack([wave, wave], axis=1) / np.abs(wave).max())


def kicks(seconds: float) -> Samples:
    """A bass drum that has to be limited, while a high tone makes the loudness."""
    since = np.mod(_time(seconds), 0.5)
    kick = np.exp(-since / 0.1) * np.sin(2 * np.pi * 45 * since)
    tone = 0.1 * np.sin(2 * np.pi * 3000 * _time(seconds)) * (since > 0.2)
    return _single(np.stack([kick + tone, kick - tone], axis=1))


MATERIAL: Mapping[str, Callable[[float], Samples]] = {
    "sine": sine,
    "pink": pink,
    "bursts": bursts,
    "hits": hits,
    "quiet": quiet,
    "clipped": clipped,
    "offset": offset,
    "between": between,
    "square": square,
    "drums": drums,
    "kicks": kicks,
}
