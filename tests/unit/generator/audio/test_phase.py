"""Profiles of clips: how they are told to be on the same beat, or off it."""

import numpy as np
import pytest

from services.generator.audio.onsets import flux
from services.generator.audio.phase import Profile, earlier, profile
from tests.unit.generator.audio import beats


def of_noise(seed: int = 1) -> Profile:
    return np.random.default_rng(seed).normal(size=(24, 30))


@pytest.mark.parametrize("quarter", range(4))
def test_a_shift_by_quarters_of_a_beat_is_found(quarter: int) -> None:
    one = of_noise()
    assert earlier(one, np.roll(one, -6 * quarter, axis=0)) == quarter / 4


@pytest.mark.parametrize(("uneven", "moved"), [(0.1, 0.0), (0.5, 0.5)])
def test_what_is_hardly_less_like_half_a_beat_off_stays(uneven: float, moved: float) -> None:
    even = of_noise(2) + np.roll(of_noise(2), 12, axis=0)
    one = even + uneven * of_noise()
    assert earlier(one, np.roll(one, 12, axis=0)) == moved


def test_a_profile_says_in_which_part_of_a_beat_each_band_sounds() -> None:
    drums = beats.kit(10, 97, {100.0: "x.......", 5000.0: ".x.x.x.x"})
    low, high = (profile(flux(drums), 97, 0.0)[:, band] for band in (0, 30))
    assert np.abs([low.mean(), high.mean()]).max() < 1e-6
    assert np.abs([low.std() - 1, high.std() - 1]).max() < 0.02
    assert [int(low.argmax()), int(high.argmax())] == [0, 12]
