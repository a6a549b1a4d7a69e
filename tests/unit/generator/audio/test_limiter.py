import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.audio import limiter
from services.generator.audio.limiter import Gains
from services.generator.audio.loudness import CELL, cell_peaks
from services.generator.audio.pcm import BLOCK, RATE, Samples
from tests.unit.generator.audio import material
from tests.unit.generator.audio.material import blocks

CELLS_PER_SECOND = RATE / CELL


def _applied(wave: Samples, gains: Gains) -> Samples:
    """Block by block, as a renderer does it."""
    made = wave.copy()
    for start, block in zip(range(0, len(made), BLOCK), blocks(made), strict=True):
        last = -(-(start + len(block)) // CELL)
        limiter.apply(block, gains[start // CELL : last + 1])
    return made


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
    assert np.array_equal(_applied(wave, np.ones(len(curve), np.float32)), wave)


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


@given(st.lists(st.floats(-10, 5), min_size=2, max_size=1500), st.integers(0, 1499))
def test_a_loop_is_limited_alike_wherever_it_begins(levels: list[float], turn: int) -> None:
    peaks = np.array(levels)
    curve = limiter.reduction(np.append(peaks, peaks[0]), -1.0, loop=True)
    turned = np.roll(peaks, turn)
    other = limiter.reduction(np.append(turned, turned[0]), -1.0, loop=True)
    assert np.roll(curve[:-2], turn) == pytest.approx(other[:-2], abs=1e-9)
    assert curve[-2:] == pytest.approx([curve[0]] * 2)


def test_a_peak_at_the_end_of_a_loop_is_let_go_in_its_next_round() -> None:
    peaks = np.full(1000, -20.0)
    peaks[900] = 5.0
    curve = limiter.reduction(peaks, -1.0, loop=True)
    assert curve[100] == pytest.approx(6.0 - 198 * 20 / CELLS_PER_SECOND, abs=0.1)
    assert not curve[400:850].any()


@given(st.lists(st.floats(-10, 5), min_size=2, max_size=100))
def test_no_cell_of_a_loop_is_left_above_the_ceiling(levels: list[float]) -> None:
    peaks = np.array(levels)
    curve = limiter.reduction(peaks, -1.0, loop=True)
    assert len(curve) == len(peaks) + 1
    assert (peaks - np.minimum(curve[:-1], curve[1:]) <= -1.0 + 1e-9).all()


@pytest.mark.parametrize("frames", [1, RATE, RATE + 1, RATE - 31])
def test_gain_is_linear_between_the_nodes(frames: int) -> None:
    ones = np.ones((frames, 2), np.float32)
    gains = np.random.default_rng(4).uniform(0.5, 1.0, -(-frames // CELL) + 1)
    out = _applied(ones, gains.astype(np.float32))
    expected = np.interp(np.arange(frames) / CELL, np.arange(len(gains)), gains)
    assert out.shape == (frames, 2)
    assert np.abs(out[:, 0] - expected).max() < 1e-6
    assert np.array_equal(out[:, 0], out[:, 1])


@pytest.mark.parametrize("frames", [1, CELL, BLOCK, BLOCK - 31])
@pytest.mark.parametrize("moving", [True, False])
def test_a_gain_that_rests_is_the_same_as_one_that_moves(moving: bool, frames: int) -> None:
    wave = np.random.default_rng(5).uniform(-1, 1, (frames, 2)).astype(np.float32)
    gains = np.full(-(-frames // CELL) + 1, 0.7, np.float32)
    gains[-1] += np.spacing(gains[-1]) * moving  # next to nothing: but it takes the long way
    made = wave.copy()
    limiter.apply(made, gains)
    assert made == pytest.approx(wave * np.float32(0.7), rel=2e-7)
    assert np.array_equal(made, wave * np.float32(0.7)) or moving


@pytest.mark.parametrize("at", [0, BLOCK // CELL // 2, BLOCK // CELL])
def test_a_gain_that_moves_in_one_place_only_moves_there(at: int) -> None:
    gains = np.ones(BLOCK // CELL + 1, np.float32)
    gains[at] = 0.5
    out = _applied(np.ones((BLOCK, 2), np.float32), gains)
    expected = np.interp(np.arange(BLOCK) / CELL, np.arange(len(gains)), gains)
    assert np.abs(out - expected[:, np.newaxis]).max() < 1e-6
    assert (out < 1).any()


@pytest.mark.parametrize("name", material.MATERIAL)
def test_limited_sound_stays_under_the_ceiling(name: str) -> None:
    wave = material.MATERIAL[name](2.0)
    peaks = cell_peaks(blocks(wave))
    gain = 5.0 - peaks.max()
    gains = 10 ** ((gain - limiter.reduction(peaks + gain, -1.0)) / 20)
    limited = _applied(wave, gains.astype(np.float32))
    assert cell_peaks(blocks(limited)).max() == pytest.approx(-1.0, abs=0.01)


@given(st.integers(0, 10_000), st.sampled_from(["rails", "impulses", "tone", "edges"]))
def test_hostile_noise_stays_under_the_ceiling(seed: int, kind: str) -> None:
    """What swings fastest while the gain moves most."""
    rng = np.random.default_rng(seed)
    wave = np.zeros((6_000, 2), np.float32)
    if kind == "rails":
        wave[:] = rng.choice([-1, 1], wave.shape)
    elif kind == "impulses":
        wave[rng.integers(0, len(wave), 60)] = rng.uniform(-1, 1, (60, 2))
    elif kind == "tone":
        wave[:, 0] = np.sin(np.arange(len(wave)) * rng.uniform(1, np.pi))
    else:
        for at in rng.integers(60, len(wave) - 60, 12):
            wave[at - 40 : at + 41, 0] = np.sign(np.sinc(np.arange(-40, 41) - rng.uniform()))
    steps = 10 ** (rng.uniform(-12, 0, 30) / 20)
    wave *= np.repeat(steps, 200).astype(np.float32)[:, np.newaxis]
    peaks = cell_peaks([wave])
    gain = rng.uniform(0, 5) - peaks.max()
    gains = 10 ** ((gain - limiter.reduction(peaks + gain, -1.0)) / 20)
    assert cell_peaks([_applied(wave, gains.astype(np.float32))]).max() <= -1.0 + 0.01
