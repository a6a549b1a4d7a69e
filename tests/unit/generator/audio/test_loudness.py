"""The meter against EBU Tech 3341's signals, and against the ffmpeg program."""

import numpy as np
import pytest

from services.generator.audio.loudness import CELL, FLOOR_DB, FLOOR_LUFS, cell_peaks, integrated
from services.generator.audio.pcm import BLOCK, RATE, blocks, float_blocks, quantise
from tests.unit.generator.audio import ffmpeg, material


def test_blocks_hold_whole_cells_and_whole_gating_steps() -> None:
    assert BLOCK % CELL == 0
    assert BLOCK % (RATE // 10) == 0


@pytest.mark.parametrize("dbfs", [-23.0, -33.0])
def test_a_stereo_sine_is_as_loud_as_its_peak(dbfs: float) -> None:
    assert integrated(blocks(material.sine(5, 1000, dbfs))) == pytest.approx(dbfs, abs=0.1)


def test_quiet_passages_are_gated() -> None:
    soft, loud = material.sine(10, 1000, -36), material.sine(60, 1000, -23)
    assert integrated([soft, loud, soft]) == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(("divisor", "degrees"), [(4, 0), (4, 45), (6, 60), (8, 67.5)])
def test_true_peak_sees_between_the_samples(divisor: int, degrees: float) -> None:
    tone = material.sine(1.0, RATE / divisor, -6.0, np.radians(degrees))
    tone[: RATE // 20] *= np.linspace(0, 1, RATE // 20, dtype=np.float32)[:, np.newaxis]
    tone[-RATE // 20 :] *= np.linspace(1, 0, RATE // 20, dtype=np.float32)[:, np.newaxis]
    assert -6.4 <= cell_peaks(blocks(tone)).max() <= -5.8


@pytest.mark.parametrize("name", material.MATERIAL)
def test_agrees_with_the_ffmpeg_program(name: str) -> None:
    pcm = quantise(blocks(material.MATERIAL[name](1.537)), round(1.537 * RATE))
    judged = ffmpeg.measure(pcm)
    assert integrated(float_blocks(pcm)) == pytest.approx(judged.loudness_lufs, abs=0.01)
    rounding = 20 * np.log10(1 + 0.0006 / 10 ** (judged.true_peak_dbtp / 20))
    peak = cell_peaks(float_blocks(pcm)).max()
    assert peak == pytest.approx(judged.true_peak_dbtp, abs=rounding)


@pytest.mark.parametrize("frames", [RATE, RATE + 1, BLOCK * 3 - 31, 19_200])
def test_one_peak_per_cell_where_it_is(frames: int) -> None:
    wave = np.zeros((frames, 2), np.float32)
    wave[12_345, 1] = 0.5
    peaks = cell_peaks(blocks(wave))
    assert len(peaks) == -(-frames // CELL)
    assert peaks.argmax() == 12_345 // CELL
    assert peaks.max() == pytest.approx(-6.02, abs=0.01)


def test_silence_and_very_short_sounds_have_the_floor() -> None:
    silence = np.zeros((RATE, 2), np.float32)
    assert integrated(blocks(silence)) == FLOOR_LUFS
    assert cell_peaks(blocks(silence)).max() == pytest.approx(FLOOR_DB)
    assert integrated(blocks(material.sine(0.3))) == FLOOR_LUFS


def test_blocks_do_not_matter() -> None:
    wave = material.bursts(1.5)
    ragged = np.split(wave, [17, 5_000, 5_001, 60_000])
    assert integrated(ragged) == integrated(blocks(wave))
    assert np.array_equal(cell_peaks(ragged), cell_peaks(blocks(wave)))
