"""Beats whose place is known to the sample."""

from collections.abc import Iterable, Mapping

import numpy as np

from services.generator.audio.pcm import RATE, Pcm16
from services.generator.audio.rhythm import Rhythm, rhythms
from services.generator.audio.tempo import Expected

_HIT = RATE // 20


def hits(seconds: float, times: Iterable[float], hertz: float, level: float = 0.4) -> Pcm16:
    """A decaying tone of 50 ms at each time, in seconds."""
    pcm = np.zeros((round(seconds * RATE), 2), np.int16)
    since = np.arange(_HIT) / RATE
    tone = 32_768 * level * np.sin(2 * np.pi * hertz * since) * np.exp(-since / 0.01)
    for time in times:
        part = pcm[round(time * RATE) :][:_HIT]
        part += tone.astype(np.int16)[: len(part), np.newaxis]
    return pcm


def clicks(seconds: float, bpm: float, first: float) -> Pcm16:
    return hits(seconds, np.arange(first, seconds, 60 / bpm), 1000)


def kit(seconds: float, bpm: float, bar: Mapping[float, str]) -> Pcm16:
    """Drums by their patterns: for each pitch in Hz a bar of eighths, ``x`` a stroke."""
    eighth = 30 / bpm
    return sum(
        (
            hits(seconds, np.arange(at * eighth, seconds, len(row) * eighth), hertz, 0.2)
            for hertz, row in bar.items()
            for at, sign in enumerate(row)
            if sign == "x"
        ),
        np.zeros((round(seconds * RATE), 2), np.int16),
    )


def rhythm(clip: Pcm16, expected: Expected | None = None) -> Rhythm | None:
    """What is heard in a track of one clip."""
    return rhythms([clip], expected)[0]


ROCK = {90.0: "x...x...", 400.0: "..x...x.", 7000.0: "xxxxxxxx"}
