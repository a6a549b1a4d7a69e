"""The listener: judged on sounds whose tempo, brightness and sections are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.listening import (
    RATE,
    boundaries,
    brightness,
    joined,
    onset_density,
    outsiders,
    tempo,
)


def noise(seconds: float, seed: int = 1) -> NDArray[np.float32]:
    dice = np.random.default_rng(seed)
    return dice.standard_normal((round(seconds * RATE), 2)).astype(np.float32) * 0.1


def clicks(bpm: float, seconds: float = 30) -> NDArray[np.float32]:
    """Bursts of noise on each beat, softer ones between."""
    sound = noise(seconds)
    times = np.arange(len(sound)) / RATE * bpm / 60
    sound *= (np.exp(-12 * (times % 1)) + 0.3 * np.exp(-12 * ((times + 0.5) % 1)))[:, None]
    return sound


@pytest.mark.parametrize("bpm", [61.7, 90, 119.3, 174])
def test_the_tempo_of_clicks(bpm: float) -> None:
    ratio = tempo(clicks(bpm)) / bpm
    assert min(abs(ratio / octave - 1) for octave in (0.5, 1, 2)) < 0.002


def test_onsets_are_counted() -> None:
    for bpm in (60, 120):
        struck = clicks(bpm) + np.float32(0.02) * noise(30, 2)
        assert onset_density(struck) == pytest.approx(bpm / 60 * 2, rel=0.1)


def test_high_notes_are_brighter() -> None:
    times = np.arange(2 * RATE) / RATE
    low, high = (np.sin(2 * np.pi * f * times)[:, None].repeat(2, 1) for f in (500, 2000))
    assert brightness(high) - brightness(low) == pytest.approx(2, abs=0.1)


def test_music_that_repeats_has_no_boundaries_and_two_kinds_have_one() -> None:
    loop = clicks(120, 8)
    assert boundaries(np.concatenate([loop] * 8)) == []
    brown = np.cumsum(noise(25), axis=0, dtype=np.float32)
    brown /= 50
    two = np.concatenate((clicks(120, 25), brown))
    assert [round(at) for at in boundaries(two)] == [25]


def test_joined_clips_keep_their_power() -> None:
    whole = joined([noise(5, 1), noise(5, 2), noise(5, 3)], 2 * RATE)
    assert len(whole) == 11 * RATE
    seam = np.square(whole[3 * RATE : 5 * RATE]).mean()
    assert seam == pytest.approx(0.01, rel=0.02)


def test_whoever_is_nearer_to_others_is_an_outsider() -> None:
    here = np.random.default_rng(2).normal(0, 1, (10, 2))
    features = np.concatenate((here, here + 20))
    names = ["a"] * 10 + ["b"] * 10
    assert outsiders(features, names) == []
    assert outsiders(features, [*names[:3], "b", *names[4:]]) == [3]
