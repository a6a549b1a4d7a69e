import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.audio import limiter
from services.generator.audio.loudness import CELL, cell_peaks
from services.generator.audio.pcm import RATE, blocks
from tests.unit.generator.audio import material

CELLS_PER_SECOND = RATE / CELL


@given(st.lists(st.floats(-60, 20), min_size=1, max_size=400), st.floats(-3, 0))
def test_no_cell_is_left_above_the_ceiling(levels: list[float], ceiling: float) -> None:
    peaks = np.array(levels)
    reduction = limiter.reduction(peaks, ceiling)
    assert len(reduction) == len(peaks) + 1
    least = np.minimum(reduction[:-1], reduction[1:])
    assert (peaks - least <= ceiling + 1e-9).all()
    assert reduction.min() >= -1e-9
    assert reduction.max() <= max(peaks.max() - ceiling, 0) + 1e-9


def test_soft_sound_is_not_touched() -> None:
    wave = material.pink(0.5)
    curve = limiter.reduction(cell_peaks(blocks(wave)), -1.0)
    assert not curve.any()
    assert np.array_equal(np.concatenate(list(limiter.apply(wave, -curve))), wave)


def test_one_peak_is_met_from_ahead_and_let_go_slowly() -> None:
    peaks = np.full(1000, -20.0)
    peaks[300] = 3.0
    curve = limiter.reduction(peaks, -1.0)
    down, up = np.flatnonzero(curve)[[0, -1]]
    assert curve[300] == curve[301] == pytest.approx(4.0)
    assert 0.003 < (300 - down) / CELLS_PER_SECOND < 0.006
    assert (up - 301) / CELLS_PER_SECOND == pytest.approx(4.0 / 20, abs=0.01)
    assert (np.diff(curve[down:301]) >= 0).all()
    assert np.diff(curve[310 : up - 10]) == pytest.approx(-20 / CELLS_PER_SECOND)


@pytest.mark.parametrize("frames", [RATE, RATE + 1, RATE - 31])
def test_gain_is_linear_between_the_nodes(frames: int) -> None:
    ones = np.ones((frames, 2), np.float32)
    gains = np.random.default_rng(4).uniform(0.5, 1.0, -(-frames // CELL) + 1)
    out = np.concatenate(list(limiter.apply(ones, 20 * np.log10(gains))))
    expected = np.interp(np.arange(frames) / CELL, np.arange(len(gains)), gains)
    assert out.shape == (frames, 2)
    assert np.abs(out[:, 0] - expected).max() < 1e-6
    assert np.array_equal(out[:, 0], out[:, 1])


@pytest.mark.parametrize("name", material.MATERIAL)
def test_limited_sound_stays_under_the_ceiling(name: str) -> None:
    wave = material.MATERIAL[name](2.0)
    peaks = cell_peaks(blocks(wave))
    gain = 5.0 - peaks.max()
    limited = limiter.apply(wave, gain - limiter.reduction(peaks + gain, -1.0))
    assert cell_peaks(limited).max() == pytest.approx(-1.0, abs=0.02)
