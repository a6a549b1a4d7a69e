"""Finished tapes, measured while they are written, beside the ffmpeg program."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from services.generator.audio.loudness import CELL, cell_peaks
from services.generator.audio.measures import measure
from services.generator.audio.pcm import BLOCK, RATE, Pcm, Samples, to_float, to_integers
from services.generator.audio.tape import Forecast, Tape, UnfinishedTape
from tests.unit.generator.audio import ffmpeg, material, taped
from tests.unit.generator.audio.material import blocks


def _tape(wave: Samples, bit_depth: int = 16) -> tuple[Tape, Pcm]:
    pcm = to_integers(wave.copy(), bit_depth)
    tape = Tape(len(pcm), bit_depth)
    for start in range(0, len(pcm), BLOCK):
        tape.write(pcm[start : start + BLOCK])
    tape.close()
    return tape, pcm


@pytest.mark.parametrize("bit_depth", [16, 24])
@pytest.mark.parametrize("name", ["bursts", "square", "quiet", "hits"])
def test_agrees_with_the_ffmpeg_program(name: str, bit_depth: int) -> None:
    tape, pcm = _tape(material.MATERIAL[name](4.0), bit_depth)
    measured, judged = measure(tape), ffmpeg.measure(pcm)
    assert measured.loudness_lufs == pytest.approx(judged.loudness_lufs, abs=0.01)
    assert measured.loudness_range_lu == pytest.approx(judged.range_lu, abs=0.02)
    rounding = 20 * np.log10(1 + 0.0006 / 10 ** (judged.true_peak_dbtp / 20))
    assert measured.true_peak_dbtp == pytest.approx(judged.true_peak_dbtp, abs=rounding)


def test_two_levels_ten_decibels_apart_have_a_range_of_ten() -> None:
    soft, loud = material.sine(20, 1000, -30), material.sine(20, 1000, -20)
    tape, _ = _tape(np.concatenate([loud, soft]))
    assert measure(tape).loudness_range_lu == pytest.approx(10.0, abs=1.0)


def test_a_tape_is_measured_while_it_is_written() -> None:
    wave = material.bursts(2.0)
    whole, pcm = _tape(wave)
    growing = Tape(len(pcm))
    with ThreadPoolExecutor(1) as pool:
        measured = pool.submit(measure, growing)
        for block in blocks(wave):
            growing.write(to_integers(block.copy()))
        growing.close()
        assert measured.result() == measure(whole)


def test_a_failed_tape_is_not_measured() -> None:
    tape = Tape(RATE)
    tape.write(np.zeros((BLOCK, 2), np.int16))
    tape.close(OSError("no"))
    with pytest.raises(UnfinishedTape):
        measure(tape)


@pytest.mark.parametrize("frames", [1, 100, RATE])
def test_silence_of_any_length_has_the_floors(frames: int) -> None:
    tape, _ = _tape(np.zeros((frames, 2), np.float32))
    measured = measure(tape)
    assert (measured.loudness_lufs, measured.loudness_range_lu) == (-70.0, 0.0)
    assert measured.true_peak_dbtp == pytest.approx(-120.0)


def _foretold(wave: Samples, peaks: dict[int, float]) -> Tape:
    """*wave* on a tape of which it was said that but for these blocks it is silent."""
    expected = np.full(-(-len(wave) // CELL), -120.0, np.float32)
    for number, peak in peaks.items():
        expected[number * BLOCK // CELL] = peak
    tape = Tape(len(wave))
    tape.foretell(Forecast(expected))
    for block in blocks(wave):
        tape.write(to_integers(block.copy()))
    tape.close()
    return tape


@pytest.mark.parametrize("target", [-9.0, -14.0, -23.0])
@pytest.mark.parametrize("name", material.MATERIAL)
def test_what_was_foretold_shortens_the_search_and_changes_nothing(
    name: str, target: float
) -> None:
    tape = taped.mastered(material.MATERIAL[name](2.1), target)
    highest = cell_peaks(map(to_float, tape.blocks())).max()
    assert measure(tape).true_peak_dbtp == pytest.approx(highest, abs=0.01)
    unknown = taped.tape(taped.samples(tape))
    assert measure(unknown).true_peak_dbtp == pytest.approx(highest, abs=1e-6)


@pytest.mark.parametrize("at", [3 * BLOCK, 4 * BLOCK - 1])
def test_a_peak_between_two_blocks_is_found(at: int) -> None:
    wave = np.zeros((8 * BLOCK, 2), np.float32)
    wave[at - 8 : at + 8] = material.between(1.0)[:16] * 0.5
    tape = _foretold(wave, {2: -9.0, 3: -5.0, 4: -9.0})
    whole = cell_peaks(map(to_float, tape.blocks())).max()
    assert measure(tape).true_peak_dbtp == pytest.approx(whole, abs=0.001)


def test_the_highest_is_found_where_a_lower_one_was_foretold() -> None:
    wave = np.zeros((8 * BLOCK, 2), np.float32)
    wave[BLOCK + 100], wave[5 * BLOCK + 100] = 0.47, 0.5
    tape = _foretold(wave, {1: -4.0, 5: -5.9})
    whole = cell_peaks(map(to_float, tape.blocks())).max()
    assert measure(tape).true_peak_dbtp == pytest.approx(whole, abs=0.001)


def test_where_nothing_higher_was_foretold_no_peak_is_looked_for() -> None:
    wave = material.between(8 * BLOCK / RATE) * np.float32(0.5)
    wave[: 2 * BLOCK] = 0  # or the louder one would ring into the first block
    wave[:BLOCK] = material.sine(BLOCK / RATE, 1000.0, -8.0)
    tape = _foretold(wave, {0: -8.0})
    assert cell_peaks(map(to_float, tape.blocks())).max() > -7.0
    assert measure(tape).true_peak_dbtp == pytest.approx(-8.0, abs=0.05)


def test_samples_higher_than_was_foretold_are_measured() -> None:
    wave = material.sine(8 * BLOCK / RATE, 997.0, -20.0)
    wave[7 * BLOCK + 100] = 0.9
    tape = _foretold(wave, {0: -19.99})
    assert measure(tape).true_peak_dbtp > 20 * np.log10(0.9) - 0.01


def test_a_forecast_that_was_too_high_ends_in_what_is_there() -> None:
    wave = material.sine(10 * BLOCK / RATE, 997.0, -20.0)
    tape = _foretold(wave, dict.fromkeys(range(10), -1.0))
    assert measure(tape).true_peak_dbtp == pytest.approx(-20.0, abs=0.01)
