"""The meters against EBU Tech 3341's signals, and against the ffmpeg program."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generator.audio import levelling
from services.generator.audio.loudness import (
    CELL,
    FLOOR_DB,
    FLOOR_LUFS,
    cell_energies,
    cell_peaks,
    loudness,
)
from services.generator.audio.pcm import (
    BLOCK,
    RATE,
    Samples,
    to_float,
    to_integers,
)
from tests.unit.generator.audio import ffmpeg, material
from tests.unit.generator.audio.material import blocks

LENGTHS = [1, 17, CELL, CELL + 1, 19_200, RATE + 1, 3 * BLOCK - 31]


def _integrated(wave: Samples) -> float:
    return loudness(blocks(wave)).integrated


def test_blocks_hold_whole_cells_and_whole_gating_steps() -> None:
    assert BLOCK % CELL == 0
    assert BLOCK % (RATE // 10) == 0


@pytest.mark.parametrize("dbfs", [-23.0, -33.0])
def test_a_stereo_sine_is_as_loud_as_its_peak(dbfs: float) -> None:
    assert _integrated(material.sine(5, 1000, dbfs)) == pytest.approx(dbfs, abs=0.1)


def test_quiet_passages_are_gated() -> None:
    soft, loud = material.sine(10, 1000, -36), material.sine(60, 1000, -23)
    assert loudness([soft, loud, soft]).integrated == pytest.approx(-23.0, abs=0.1)
    energies = cell_energies([soft, loud, soft])
    assert levelling.integrated(energies) == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(("divisor", "degrees"), [(4, 0), (4, 45), (6, 60), (8, 67.5)])
def test_true_peak_sees_between_the_samples(divisor: int, degrees: float) -> None:
    tone = material.sine(1.0, RATE / divisor, -6.0, np.radians(degrees))
    tone[: RATE // 20] *= np.linspace(0, 1, RATE // 20, dtype=np.float32)[:, np.newaxis]
    tone[-RATE // 20 :] *= np.linspace(1, 0, RATE // 20, dtype=np.float32)[:, np.newaxis]
    assert -6.4 <= cell_peaks(blocks(tone)).max() <= -5.8


@pytest.mark.parametrize("name", material.MATERIAL)
def test_agrees_with_the_ffmpeg_program(name: str) -> None:
    pcm = material.pcm16(material.MATERIAL[name](1.537))
    judged = ffmpeg.measure(pcm)
    heard = loudness(blocks(to_float(pcm)))
    assert heard.integrated == pytest.approx(judged.loudness_lufs, abs=0.01)
    assert heard.range == pytest.approx(judged.range_lu, abs=0.02)
    ended = np.concatenate([pcm, np.zeros((RATE // 5, 2), np.int16)])
    true_peak = ffmpeg.measure(ended).true_peak_dbtp
    rounding = 20 * np.log10(1 + 0.0006 / 10 ** (true_peak / 20))
    assert cell_peaks(blocks(to_float(pcm))).max() == pytest.approx(true_peak, abs=rounding)


@pytest.mark.parametrize("name", material.MATERIAL)
def test_the_energy_of_the_cells_is_the_loudness(name: str) -> None:
    wave = material.MATERIAL[name](1.537)
    heard = levelling.integrated(cell_energies(blocks(wave)))
    assert heard == pytest.approx(_integrated(wave), abs=0.02)


@pytest.mark.parametrize("frames", LENGTHS)
def test_one_value_per_cell_where_it_is(frames: int) -> None:
    at = frames * 2 // 3
    wave = np.zeros((frames, 2), np.float32)
    wave[at, 1] = 0.5
    peaks, energies = cell_peaks(blocks(wave)), cell_energies(blocks(wave))
    assert len(peaks) == len(energies) == -(-frames // CELL)
    assert peaks.argmax() == energies.argmax() == at // CELL
    assert peaks.max() == pytest.approx(-6.02, abs=0.2 if frames < CELL else 0.01)
    assert not energies[: at // CELL].any()


@pytest.mark.parametrize("frames", [64, 1024, 1040])
def test_a_sudden_end_rings(frames: int) -> None:
    wave = np.full((frames, 2), 0.5, np.float32)
    wave[1::2] = -0.5
    peaks = cell_peaks(blocks(wave))
    ended = np.concatenate([wave, np.zeros((BLOCK, 2), np.float32)])
    judged = ffmpeg.measure(to_integers(ended)).true_peak_dbtp
    assert peaks.max() == peaks[-1] == pytest.approx(judged, abs=0.01)


def test_silence_and_very_short_sounds_have_the_floor() -> None:
    silence = np.zeros((RATE, 2), np.float32)
    assert loudness(blocks(silence)) == loudness(blocks(material.sine(0.3)))
    assert _integrated(silence) == FLOOR_LUFS
    assert cell_peaks(blocks(silence)).max() == pytest.approx(FLOOR_DB)
    assert not cell_energies(blocks(silence)).any()


def test_blocks_do_not_matter() -> None:
    wave = material.bursts(1.5)
    ragged = np.split(wave, [17, 5_000, 5_001, 60_000])
    assert loudness(ragged) == loudness(blocks(wave))
    assert np.array_equal(cell_peaks(ragged), cell_peaks(blocks(wave)))
    assert np.array_equal(cell_energies(ragged), cell_energies(blocks(wave)))


@given(st.integers(1, 30_000), st.integers(0, 99), st.floats(-150, 0))
@settings(max_examples=30)
def test_no_meter_ever_says_nan(frames: int, seed: int, dbfs: float) -> None:
    noise = np.random.default_rng(seed).uniform(-1, 1, (frames, 2)).astype(np.float32)
    noise *= 10 ** (dbfs / 20)
    heard = loudness(blocks(noise))
    assert FLOOR_LUFS <= heard.integrated < 6
    assert heard.range >= 0
    assert (cell_energies(blocks(noise)) >= 0).all()
    peaks = cell_peaks(blocks(noise))
    assert FLOOR_DB - 1e-6 <= peaks.min() <= peaks.max() < max(dbfs, FLOOR_DB) + 9


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_integers_come_back_from_float_as_they_were(bit_depth: int) -> None:
    top = 2 ** (bit_depth - 1)
    values = np.array([[-top, 1 - top], [-1, 0], [1, top - 2], [top - 1, 12_345]], np.int32)
    pcm = values.astype(np.int16) if bit_depth == 16 else values << 8
    assert np.array_equal(to_integers(to_float(pcm), bit_depth), pcm)
    assert np.abs(to_float(pcm)).max() == 1.0


def test_what_does_not_fit_is_clipped() -> None:
    wild = np.array([[1.5, -1.5], [1.0, -1.0]], np.float32)
    assert to_integers(wild.copy()).tolist() == [[32767, -32768]] * 2
    assert to_integers(wild.copy(), 24).tolist() == [[(2**23 - 1) << 8, -(2**31)]] * 2
