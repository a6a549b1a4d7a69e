"""The gain, on cells alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.audio.levelling import integrated, level
from services.generator.audio.loudness import CELL, FLOOR_LUFS, Energies
from services.generator.audio.pcm import RATE

SECOND = RATE // CELL


def _even(lufs: float, seconds: float = 1.0) -> Energies:
    """Cells of one loudness throughout."""
    power = 10 ** ((lufs + 0.691) / 10)
    return np.full(round(seconds * SECOND), CELL * power, np.float32)


@pytest.mark.parametrize("lufs", [-60.0, -23.0, -3.0])
def test_an_even_sound_is_as_loud_as_each_cell(lufs: float) -> None:
    assert integrated(_even(lufs)) == pytest.approx(lufs, abs=0.001)


def test_what_is_ten_below_the_rest_is_not_counted() -> None:
    half, loud = _even(-20.0, 10), _even(-20.0, 20)
    assert integrated(np.concatenate([loud, _even(-40.0, 100)])) == pytest.approx(-20, abs=0.1)
    assert integrated(np.concatenate([loud, _even(-90.0, 100)])) == pytest.approx(-20, abs=0.1)
    faint = np.concatenate([_even(-62.0, 20), _even(-75.0, 200)])
    assert integrated(faint) == pytest.approx(-62, abs=0.1)
    mixed = np.concatenate([half, _even(-25.0, 10)])
    assert integrated(mixed) == pytest.approx(10 * np.log10((10**-2 + 10**-2.5) / 2), abs=0.1)


def test_what_is_below_the_absolute_gate_has_no_loudness() -> None:
    assert integrated(_even(-70.1)) == FLOOR_LUFS
    assert integrated(_even(-69.9)) == pytest.approx(-69.9, abs=0.01)


@pytest.mark.parametrize("seconds", [0.01, 0.1, 0.39])
def test_what_is_shorter_than_a_block_has_no_loudness(seconds: float) -> None:
    assert integrated(_even(-10.0, seconds)) == FLOOR_LUFS


def test_without_peaks_the_gain_is_the_difference() -> None:
    energies = _even(-30.0)
    gain, curve = level(energies, np.full(len(energies), -25.0), -14.0, -1.0)
    assert gain == pytest.approx(16.0, abs=0.01)
    assert curve == pytest.approx(gain)
    assert len(curve) == len(energies) + 1


@pytest.mark.parametrize("seconds", [0.2, 2.0])
def test_what_has_no_loudness_is_not_made_louder_and_still_limited(seconds: float) -> None:
    energies = _even(-80.0, seconds)
    assert level(energies, np.full(len(energies), -60.0), -14.0, -1.0)[0] == 0.0
    gain, curve = level(energies, np.full(len(energies), 8.0), -14.0, -1.0)
    assert gain == pytest.approx(-3.05)
    assert 8.0 + curve.max() <= -1.0


@given(
    st.lists(st.floats(-40, 0), min_size=1, max_size=30),
    st.floats(3, 25),
    st.floats(-30, -8),
    st.integers(0, 1000),
)
def test_the_target_is_met_or_the_limiter_does_all_it_may(
    levels: list[float], crest: float, target: float, seed: int
) -> None:
    energies = np.concatenate([_even(lufs, 0.3) for lufs in [-20.0, *levels]])
    spread = np.random.default_rng(seed).uniform(-crest, crest, len(energies))
    peaks = 10 * np.log10(energies / CELL) + spread
    gain, curve = level(energies, peaks, target, -1.0)
    least = np.minimum(curve[:-1], curve[1:])
    assert gain - curve.min() <= 6.0 + 1e-9
    assert (peaks + np.maximum(curve[:-1], curve[1:]) <= -1.0).all()
    factor = 10 ** (curve / 10)
    reached = integrated(energies * (factor[:-1] + factor[1:]) / 2)
    if gain - least.min() < 5.999:
        assert reached == pytest.approx(target, abs=0.05)
    else:
        assert reached <= target + 0.05
