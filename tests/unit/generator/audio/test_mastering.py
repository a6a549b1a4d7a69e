"""Finished tracks, judged by the ffmpeg program."""

import hashlib
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from services.generator.audio.mastering import Mastered, MasterSpec, master
from services.generator.audio.pcm import RATE, Samples, blocks, quantise
from shared.errors import Code, PermanentError
from tests.unit.generator.audio import ffmpeg, material

SECONDS = 6
CLIP_SECONDS = 6.768
TARGETS = (-30.0, -14.0, -8.0)


def _master(wave: Samples, target: float | None = -14.0, seconds: int = SECONDS) -> Mastered:
    return master([wave], MasterSpec(frames=seconds * RATE, loudness_lufs=target))


def _greatest_reduction(wave: Samples, made: Mastered) -> float:
    """In dB, over the loud samples between the fades."""
    before = wave - wave[: len(made.samples)].mean(axis=0)
    part = slice(RATE // 50, len(made.samples) * 85 // 100)
    source, result = before[part], made.samples[part] / 32768
    loud = np.abs(source) > 0.05 * np.abs(source).max()
    ratio = np.abs(result[loud] / source[loud]).min()
    return made.gain_db - 20 * float(np.log10(ratio))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", material.MATERIAL)
def test_level_and_peak_are_what_was_asked_for(name: str, target: float) -> None:
    wave = material.MATERIAL[name](CLIP_SECONDS)
    made = _master(wave, target)
    judged = ffmpeg.measure(made.samples)
    assert made.samples.shape == (SECONDS * RATE, 2)
    assert made.samples.dtype == np.int16
    assert judged.true_peak_dbtp <= -1.0
    assert made.loudness_lufs == pytest.approx(judged.loudness_lufs, abs=0.01)
    assert made.true_peak_dbtp == pytest.approx(judged.true_peak_dbtp, abs=0.2)
    if made.loudness_limited:
        assert judged.loudness_lufs < target - 0.2
        assert _greatest_reduction(wave, made) > 5.9
    else:
        assert judged.loudness_lufs == pytest.approx(target, abs=0.3)
    assert _greatest_reduction(wave, made) < 6.1


def test_the_flag_is_neither_always_nor_never_set() -> None:
    assert not _master(material.bursts(CLIP_SECONDS), -14.0).loudness_limited
    assert _master(material.hits(CLIP_SECONDS), -14.0).loudness_limited


@pytest.mark.parametrize("target", [*TARGETS, None])
@pytest.mark.parametrize("seconds", [1, 2])
def test_very_short_tracks(seconds: int, target: float | None) -> None:
    made = _master(material.pink(3.0), target, seconds)
    judged = ffmpeg.measure(made.samples)
    assert len(made.samples) == seconds * RATE
    assert made.loudness_lufs == pytest.approx(judged.loudness_lufs, abs=0.01)
    if target is not None and not made.loudness_limited:
        assert judged.loudness_lufs == pytest.approx(target, abs=0.3)


@pytest.mark.parametrize("ceiling", [-1.5, -3.0])
def test_another_ceiling(ceiling: float) -> None:
    spec = MasterSpec(frames=2 * RATE, loudness_lufs=-9.0, ceiling_dbtp=ceiling)
    made = master([material.bursts(2.0)], spec)
    judged = ffmpeg.measure(made.samples)
    assert ceiling - 0.1 < judged.true_peak_dbtp <= ceiling


@pytest.mark.parametrize(("seconds", "fade"), [(30, 2.5), (5, 0.6), (1, 0.12)])
def test_untouched_but_for_length_and_fades(seconds: int, fade: float) -> None:
    noise = np.random.default_rng(5).uniform(-1, 1, ((seconds + 1) * RATE, 2))
    wave = noise.astype(np.float32)
    made = _master(wave, None, seconds)
    source = quantise(blocks(wave), len(wave))[: seconds * RATE]
    changed = np.flatnonzero((made.samples != source).any(axis=1))
    start, end = round(0.010 * RATE), (seconds - fade) * RATE
    inside = (changed >= start) & (changed < end)
    assert not inside.any()
    assert changed[0] == 0
    assert end <= changed[changed >= end][0] < end + 0.05 * fade * RATE
    assert (made.gain_db, made.loudness_limited) == (0.0, False)


def test_full_scale_survives_when_nothing_is_asked_for() -> None:
    wave = np.tile(np.array([[-1.0, 32767 / 32768]], np.float32), (RATE, 1))
    made = _master(wave, None, 1)
    assert made.samples[RATE // 2].tolist() == [-32768, 32767]


@pytest.mark.parametrize("target", [-14.0, None])
def test_fades_start_and_end_in_silence(target: float | None) -> None:
    level = np.abs(_master(material.pink(CLIP_SECONDS), target).samples.astype(int)).max(axis=1)
    assert level[0] <= 1
    assert level[-1] <= 1
    assert level[:48].max() < 0.1 * level.max()
    assert level[-480:].max() < 0.01 * level.max()
    rms = [np.sqrt((part.astype(float) ** 2).mean()) for part in np.split(level, SECONDS * 10)]
    assert rms[-2] < rms[-4] < rms[-6] < rms[-9]


def test_offset_is_removed_per_channel() -> None:
    assert np.abs(material.offset(2.0).mean(axis=0)).min() > 0.05
    made = _master(material.offset(2.0), -20.0, 2)
    assert np.abs(made.samples.mean(axis=0) / 32768).max() < 0.002


def test_dither_is_triangular_and_two_steps_wide() -> None:
    silence = np.zeros((RATE, 2), np.float32)
    steps, counts = np.unique(quantise([silence], RATE, dither_seed=6), return_counts=True)
    assert steps.tolist() == [-1, 0, 1]
    assert counts / counts.sum() == pytest.approx([1 / 8, 3 / 4, 1 / 8], abs=0.01)


@pytest.mark.parametrize("step", [0.1, 0.25, -0.4])
def test_dither_keeps_what_is_smaller_than_a_step(step: float) -> None:
    faint = np.full((RATE, 2), step / 32768, np.float32)
    assert not quantise([faint], RATE).any()
    assert quantise([faint], RATE, dither_seed=7).mean() == pytest.approx(step, abs=0.01)


def test_a_silent_track_is_not_blown_up() -> None:
    made = _master(np.zeros((2 * RATE, 2), np.float32), -14.0, 1)
    assert np.abs(made.samples).max() <= 1
    assert (made.gain_db, made.loudness_limited, made.loudness_lufs) == (0.0, True, -70.0)


def test_a_track_already_at_its_target_above_the_ceiling() -> None:
    loud = _master(material.bursts(2.0), -14.0, 2)
    wave = (loud.samples / 32768 * 10 ** (1 / 20)).astype(np.float32)
    target = master([wave], MasterSpec(2 * RATE, loudness_lufs=None)).loudness_lufs
    judged = ffmpeg.measure(_master(wave, target, 2).samples)
    assert judged.loudness_lufs == pytest.approx(target, abs=0.3)
    assert judged.true_peak_dbtp <= -1.0


def test_the_clip_itself_is_left_alone() -> None:
    wave = material.bursts(2.0)
    before = wave.copy()
    _master(wave, -9.0, 2)
    assert np.array_equal(wave, before)


def test_too_short_a_clip_is_refused() -> None:
    with pytest.raises(PermanentError, match=r"1\.500 s long, the track 2\.000 s") as refused:
        _master(material.sine(1.5), seconds=2)
    assert refused.value.code == Code.AUDIO_INVALID


@pytest.mark.parametrize("count", [0, 2])
def test_a_track_is_one_clip(count: int) -> None:
    with pytest.raises(ValueError, match="one clip"):
        master([material.sine(1.0)] * count, MasterSpec(frames=RATE))


def test_a_bit_depth_that_is_not_offered_is_refused() -> None:
    with pytest.raises(ValueError, match="24"):
        master([material.sine(1.0)], MasterSpec(frames=RATE, bit_depth=24))


_HASH = """
import hashlib
from services.generator.audio.mastering import MasterSpec, master
from tests.unit.generator.audio import material
made = master([material.bursts(2.0)], MasterSpec(frames=96_000, loudness_lufs=-10.0))
print(hashlib.sha256(made.samples.tobytes()).hexdigest())
"""


def test_another_process_makes_the_same_bytes() -> None:
    run = [sys.executable, "-c", _HASH]
    there = subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()
    here = _master(material.bursts(2.0), -10.0, 2)
    assert hashlib.sha256(here.samples.tobytes()).hexdigest() == there


def test_another_dither_seed_makes_other_samples() -> None:
    one, two = (
        master([material.sine(1.0)], MasterSpec(frames=RATE, dither_seed=seed)) for seed in (1, 2)
    )
    assert 0 < np.abs(one.samples.astype(int) - two.samples).max() <= 2


def test_memory_stays_low() -> None:
    wave = material.bursts(32.768)
    tracemalloc.start()
    try:
        _master(wave, -13.0, 30)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 * 2**20
