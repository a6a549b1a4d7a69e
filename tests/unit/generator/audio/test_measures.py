"""Finished tapes, measured while they are written, beside the ffmpeg program."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from services.generator.audio.measures import measure
from services.generator.audio.pcm import BLOCK, RATE, Pcm, Samples, blocks, to_integers
from services.generator.audio.tape import Tape, UnfinishedTape
from tests.unit.generator.audio import ffmpeg, material


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
