"""Finished tracks, judged by the ffmpeg program."""

import hashlib
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generator.audio.dither import Dither
from services.generator.audio.loudness import CELL, cell_peaks
from services.generator.audio.mastering import MasterSpec, Plan, limited, render, solve
from services.generator.audio.measures import Measures, measure
from services.generator.audio.pcm import (
    BLOCK,
    RATE,
    Pcm,
    Samples,
    to_float,
    to_integers,
)
from services.generator.audio.tape import Tape, UnfinishedTape
from tests.unit.generator.audio import ffmpeg, material
from tests.unit.generator.audio.material import Piece

SECONDS = 5.25
TARGETS = (-30.0, -14.0, -9.0, -8.0)


@dataclass(frozen=True)
class Made:
    pcm: Pcm
    plan: Plan
    measures: Measures
    limited: bool


def _master(wave: Samples, spec: MasterSpec) -> Made:
    piece, tape = Piece(wave), Tape(len(wave), spec.bit_depth)
    plan = solve(piece, spec)
    render(piece, plan, spec, tape)
    measures = measure(tape)
    return Made(np.concatenate(list(tape.blocks())), plan, measures, limited(measures, spec))


def _greatest_reduction(wave: Samples, made: Made) -> float:
    """In dB, as the loud samples show it."""
    loud = np.abs(made.pcm) > 400
    ratio = np.abs(made.pcm[loud] / 32768 / wave[loud]).min()
    return made.plan.gain_db - 20 * float(np.log10(ratio))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", material.MATERIAL)
def test_level_and_peak_are_what_was_asked_for(name: str, target: float) -> None:
    wave = material.MATERIAL[name](SECONDS)
    made = _master(wave, MasterSpec(target))
    judged = ffmpeg.measure(made.pcm)
    assert made.pcm.shape == wave.shape
    assert judged.true_peak_dbtp <= -1.0
    if made.plan.reduction_db < 5.99:
        assert judged.loudness_lufs == pytest.approx(target, abs=0.1)
    assert made.limited == (judged.loudness_lufs < target - 0.2)
    assert judged.loudness_lufs < target + 0.1
    assert made.plan.reduction_db <= 6.001
    assert _greatest_reduction(wave, made) == pytest.approx(made.plan.reduction_db, abs=0.1)


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("name", material.MATERIAL)
def test_peaks_are_foretold(name: str, loop: bool) -> None:
    """None is higher; where the gain hardly moves in a cell they are what was said."""
    spec = MasterSpec(-11.0, -1.5, loop=loop)
    piece, tape = Piece(material.MATERIAL[name](2.0)), Tape(2 * RATE)
    render(piece, solve(piece, spec), spec, tape)
    forecast = tape.forecast()
    assert forecast.loop == loop
    assert forecast.peaks is not None
    peaks = cell_peaks(map(to_float, tape.blocks()))
    loud = peaks > -20
    assert len(forecast.peaks) == len(peaks)
    assert (peaks - forecast.peaks)[loud].max() < 0.01
    assert np.median((forecast.peaks - peaks)[loud]) < 0.02


@pytest.mark.parametrize("loop", [True, False])
def test_nothing_is_foretold_of_what_is_not_measured(loop: bool) -> None:
    made = _master(material.sine(1.0), MasterSpec(None, loop=loop))
    assert (made.plan.forecast.peaks, made.plan.forecast.loop) == (None, loop)


def test_the_flag_is_neither_always_nor_never_set() -> None:
    assert not _master(material.bursts(2.0), MasterSpec(-14.0)).limited
    assert _master(material.hits(2.0), MasterSpec(-14.0)).limited


@pytest.mark.parametrize(
    ("loudness", "target", "flag"),
    [(-14.19, -14.0, False), (-14.21, -14.0, True), (-13.0, -14.0, False), (-70.0, None, False)],
)
def test_a_track_is_limited_when_it_is_a_fifth_below_its_target(
    loudness: float, target: float | None, flag: bool
) -> None:
    assert limited(Measures(loudness, 3.0, -1.0), MasterSpec(target)) == flag


@pytest.mark.parametrize("ceiling", [-1.5, -3.0])
@pytest.mark.parametrize("bit_depth", [16, 24])
def test_another_ceiling(ceiling: float, bit_depth: int) -> None:
    spec = MasterSpec(-9.0, ceiling_dbtp=ceiling, bit_depth=bit_depth)
    judged = ffmpeg.measure(_master(material.bursts(2.0), spec).pcm)
    assert ceiling - 0.1 < judged.true_peak_dbtp <= ceiling


def _wave(kind: str, frames: int, dbfs: float, seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    wave = np.zeros((frames, 2), np.float32)
    if kind == "noise":
        wave[:] = rng.uniform(-1, 1, wave.shape)
    elif kind == "impulses":
        wave[rng.integers(0, frames, 9)] = rng.uniform(-1, 1, (9, 2))
    elif kind == "square":
        wave[:] = np.where(np.arange(frames) // rng.integers(1, 500) % 2, 1, -1)[:, np.newaxis]
    elif kind == "offset":
        wave[:] = rng.uniform(-1, 1, 2)
    return wave * np.float32(10 ** (dbfs / 20))


WAVES = st.builds(
    _wave,
    st.sampled_from(["noise", "impulses", "square", "offset", "silence"]),
    st.one_of(st.just(1), st.integers(2, 100), st.integers(101, 60_000)),
    st.sampled_from([0.0, -20.0, -90.0]),
    st.integers(0, 1000),
)
SPECS = st.builds(
    MasterSpec,
    st.sampled_from([*TARGETS, -23.0]),
    st.sampled_from([-1.0, -1.5]),
    st.sampled_from([16, 24]),
    st.integers(0, 1000),
    loop=st.booleans(),
)


@given(WAVES, SPECS)
@settings(max_examples=60)
def test_nothing_leaves_above_the_ceiling(wave: Samples, spec: MasterSpec) -> None:
    made = _master(wave, replace(spec, loop=spec.loop and len(wave) > CELL))
    silence = np.zeros((BLOCK, 2), made.pcm.dtype)
    judged = ffmpeg.measure(np.concatenate([made.pcm, silence]))
    assert len(made.pcm) == len(wave)
    assert max(judged.true_peak_dbtp, made.measures.true_peak_dbtp) <= spec.ceiling_dbtp
    assert np.isfinite([made.plan.gain_db, made.plan.reduction_db]).all()
    assert made.plan.reduction_db <= 6.001


@pytest.mark.parametrize("target", [-14.0, None])
@pytest.mark.parametrize("frames", [1, 100, 19_100, 19_200])
def test_very_short_tracks(frames: int, target: float | None) -> None:
    wave = material.pink(1.0)[:frames]
    made = _master(wave, MasterSpec(target))
    assert len(made.pcm) == frames
    measured = made.measures.loudness_lufs
    if frames < 19_200:
        assert measured == -70.0
        assert np.abs(made.pcm - np.rint(wave * 32768)).max() <= (0 if target is None else 2)
    elif target is not None:
        assert measured == pytest.approx(target, abs=0.1)


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_nothing_is_changed_when_nothing_is_asked_for(bit_depth: int) -> None:
    wave = np.random.default_rng(5).uniform(-1, 1, (2 * RATE, 2)).astype(np.float32)
    wave[7] = (-1.0, 1.0)
    source = material.pcm16(wave)
    made = _master(to_float(source), MasterSpec(None, bit_depth=bit_depth))
    assert np.array_equal(made.pcm, source.astype(np.int32) << 16 if bit_depth == 24 else source)
    assert (made.plan.gain_db, made.plan.reduction_db, made.limited) == (0.0, 0.0, False)


def test_at_24_bit_there_is_no_dither() -> None:
    wave = material.sine(1.0, dbfs=-40)
    one, two = (_master(wave, MasterSpec(-30.0, -1.0, 24, seed)) for seed in (1, 2))
    assert np.array_equal(one.pcm, two.pcm)
    exact = wave * 10 ** (one.plan.gain_db / 20) * 2**23
    assert np.abs((one.pcm >> 8) - exact).max() < 1


def test_another_dither_seed_makes_other_samples() -> None:
    one, two = (_master(material.sine(1.0), MasterSpec(dither_seed=seed)).pcm for seed in (1, 2))
    assert 0 < np.abs(one.astype(int) - two).max() <= 2


def test_dither_is_triangular_and_two_steps_wide() -> None:
    noise = np.zeros((4 * RATE, 2), np.float32)
    Dither(6).add(noise)
    noise *= 32768
    assert -1 < noise.min() < -0.99
    assert 0.99 < noise.max() < 1
    assert noise.var(axis=0) == pytest.approx([1 / 6, 1 / 6], rel=0.01)
    shares = np.histogram(noise, [-1, -0.5, 0, 0.5, 1])[0] / noise.size
    assert shares == pytest.approx([1 / 8, 3 / 8, 3 / 8, 1 / 8], abs=0.005)
    for other in (noise[:, 1], np.roll(noise[:, 0], 1)):
        assert abs(np.vdot(noise[:, 0], other)) / len(noise) < 0.01 / 6


def test_dither_is_the_difference_of_the_halves_of_a_raw_word() -> None:
    noise = np.zeros((1000, 2), np.float32)
    Dither(6).add(noise)
    words = [int(word) for word in np.random.SFC64(6).random_raw(1000)]
    parts = np.array([[word >> shift & 0xFFFF for shift in (0, 16, 32, 48)] for word in words])
    assert np.array_equal(noise * 2**31, parts[:, :2] - parts[:, 2:])


def test_dither_goes_on_from_block_to_block() -> None:
    whole, parts = np.zeros((2, 1000, 2), np.float32)
    Dither(3).add(whole)
    dither = Dither(3)
    for part in np.split(parts, [7, 500]):
        dither.add(part)
    assert np.array_equal(whole, parts)


@pytest.mark.parametrize("step", [0.1, 0.25, -0.4])
def test_dither_keeps_what_is_smaller_than_a_step(step: float) -> None:
    faint = np.full((RATE, 2), step / 32768, np.float32)
    assert not to_integers(faint.copy()).any()
    Dither(7).add(faint)
    assert to_integers(faint).mean() == pytest.approx(step, abs=0.01)


def test_a_silent_track_is_not_blown_up() -> None:
    made = _master(np.zeros((RATE, 2), np.float32), MasterSpec(-14.0))
    assert np.abs(made.pcm).max() <= 1
    assert (made.plan.gain_db, made.limited, made.measures.loudness_lufs) == (0.0, True, -70.0)


def test_a_track_already_at_its_target_above_the_ceiling() -> None:
    wave = to_float(_master(material.bursts(2.0), MasterSpec(-14.0)).pcm) * np.float32(1.1)
    target = _master(wave, MasterSpec(None)).measures.loudness_lufs
    judged = ffmpeg.measure(_master(wave, MasterSpec(target)).pcm)
    assert judged.loudness_lufs == pytest.approx(target, abs=0.1)
    assert judged.true_peak_dbtp <= -1.0


_HASH = """
import hashlib
from services.generator.audio.mastering import MasterSpec, render, solve
from services.generator.audio.tape import Tape
from tests.unit.generator.audio import material
piece, spec, tape = material.Piece(material.bursts(2.0)), MasterSpec(-10.0), Tape(96_000)
render(piece, solve(piece, spec), spec, tape)
print(hashlib.sha256(tape.file().read()).hexdigest())
"""


def test_another_process_makes_the_same_bytes() -> None:
    run = [sys.executable, "-c", _HASH]
    there = subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()
    here = _master(material.bursts(2.0), MasterSpec(-10.0))
    assert hashlib.sha256(here.pcm.tobytes()).hexdigest() == there


@pytest.mark.parametrize("frames", [2 * RATE, 2 * RATE + 17])
def test_the_gain_of_a_loop_runs_into_its_start(frames: int) -> None:
    wave = material.bursts(3.0)[RATE // 3 :][:frames]
    wave[-100] = 1.0
    once, loop = (
        _master(wave, MasterSpec(-14.0, bit_depth=24, loop=loop)) for loop in (False, True)
    )
    gain = np.array([once.pcm[[0, -1], 0], loop.pcm[[0, -1], 0]]) / wave[[0, -1], 0]
    steps = np.abs(20 * np.log10(gain[:, 0] / gain[:, 1]))
    assert steps[0] > 1
    assert steps[1] < 0.02
    assert loop.measures.true_peak_dbtp <= -1.0


class _Torn(Piece):
    def blocks(self) -> Iterator[Samples]:
        yield from list(super().blocks())[:1]
        raise OSError("the clip is gone")


@pytest.mark.parametrize("bit_depth", [16, 24])
def test_a_tape_is_closed_when_its_source_fails(bit_depth: int) -> None:
    spec = MasterSpec(None, bit_depth=bit_depth)
    piece, tape = _Torn(material.sine(1.0)), Tape(RATE, bit_depth)
    with pytest.raises(OSError, match="the clip is gone"):
        render(piece, solve(piece, spec), spec, tape)
    with pytest.raises(UnfinishedTape):
        tape.file()
    with pytest.raises(OSError, match="the clip is gone"):
        solve(piece, replace(spec, loudness_lufs=-14.0))


@pytest.mark.parametrize("frames", [RATE - 1, RATE + 1])
def test_a_tape_of_another_length_fails(frames: int) -> None:
    piece, tape = Piece(material.sine(1.0)), Tape(frames)
    with pytest.raises(ValueError, match="on a tape of"):
        render(piece, solve(piece, MasterSpec()), MasterSpec(), tape)
    with pytest.raises(UnfinishedTape):
        tape.file()


def test_memory_stays_low() -> None:
    piece = Piece(material.bursts(30.0))
    tape, spec = Tape(piece.frames), MasterSpec(-13.0)
    tracemalloc.start()
    try:
        render(piece, solve(piece, spec), spec, tape)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20
