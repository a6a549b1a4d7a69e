"""What is played at the joins, fades and ends: measured on the samples."""

import itertools
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from services.generator.audio.crossfade import crossfade
from services.generator.audio.joining import Joined
from services.generator.audio.pcm import BLOCK, RATE, Pcm16, Samples, to_float
from services.generator.audio.rhythm import Rhythm
from services.generator.audio.timeline import Segment, Timeline, plan
from tests.unit.generator.audio import beats, composed, material

WINDOW = RATE // 10
EAR = 1e-3
"""Windows with less energy than this (-67 dBFS) are not heard."""
ROUNDING = 1e-6
FAMILIES = (("rock", "119 BPM"), ("electronic", "102 BPM"), ("jazz", "132 BPM"))
EXCERPT = 10 * RATE


def played(clips: Sequence[Pcm16], timeline: Timeline, *, remove_offset: bool = True) -> Samples:
    return np.concatenate(list(Joined(clips, timeline, remove_offset=remove_offset).blocks()))


def centred(clip: Pcm16) -> Samples:
    wave: Samples = to_float(clip) - (clip.mean(axis=0) / 32_768).astype(np.float32)
    return wave


def steepest(wave: NDArray[np.floating]) -> float:
    return float(np.abs(np.diff(wave, axis=0)).max())


def energies(wave: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of every window of 100 ms, 10 ms apart."""
    sums = np.concatenate([[0.0], np.cumsum((wave.astype(np.float64) ** 2).sum(axis=1))])
    starts = np.arange(0, len(wave) - WINDOW, WINDOW // 10)
    return np.asarray(sums[starts + WINDOW] - sums[starts])


def least_level(mixed: Samples, leaving: Samples, entering: Samples) -> float:
    """The deepest dip below the power sum of the two faded clips, in dB."""
    angle = (np.arange(len(mixed))[:, np.newaxis] + 0.5) / len(mixed) * np.pi / 2
    wanted = energies(leaving * np.cos(angle)) + energies(entering * np.sin(angle))
    heard = wanted > EAR
    return float(10 * np.log10((energies(mixed)[heard] / wanted[heard]).min()))


def excerpts(style: str, tempo: str) -> list[Pcm16]:
    """Of different seeds and places, so that any two are different music."""
    clips = [composed.clip(style, tempo, seed) for seed in (1, 2)]
    return [clip[at * RATE :][:EXCERPT] for clip in clips for at in (0, 6, 12, 18)]


@pytest.mark.parametrize(("style", "tempo"), FAMILIES)
def test_joins_keep_their_level_and_make_no_step(style: str, tempo: str) -> None:
    """34 joins of each family: music in one key and tempo, which is the hardest."""
    clips = excerpts(style, tempo)
    heard = [beats.rhythm(clip) for clip in clips]
    steps = [steepest(to_float(clip)) for clip in clips]
    pairs = list(itertools.permutations(range(len(clips)), 2))[:34]
    for number, (i, j) in enumerate(pairs):
        timeline = plan(14 * RATE + number * 1979, [EXCERPT] * 2, [heard[i], heard[j]])
        before, after = timeline.segments
        start = before.frames - after.overlap
        wave = played([clips[i], clips[j]], timeline)[start - 2 : before.frames + 2]
        leaving = centred(clips[i])[start : before.frames]
        entering = centred(clips[j])[after.start :][: after.overlap]
        assert steepest(wave) <= max(steps[i], steps[j]) + ROUNDING
        assert least_level(wave[2:-2], leaving, entering) > -1.0
    assert len(pairs) == 34


def test_plain_equal_power_would_dip() -> None:
    """What the correction is for: two bass notes nearly in opposite phase."""
    one, other = material.sine(2, 50.0, -6), material.sine(2, 50.0, -6, 2.5)
    angle = (np.arange(len(one))[:, np.newaxis] + 0.5) / len(one) * np.pi / 2
    plain = (one * np.cos(angle) + other * np.sin(angle)).astype(np.float32)
    assert least_level(plain, one, other) < -5
    assert least_level(crossfade(one, other), one, other) > -1
    assert energies(crossfade(one, other)).max() < 1.1 * energies(one).max()


def test_basses_that_cancel_do_not_make_the_treble_louder() -> None:
    treble = material.sine(2, 5000, -20), material.sine(2, 7000, -20)
    basses = material.sine(2, 50.0, -6), material.sine(2, 50.0, -6, 2.5)
    mixed = crossfade(treble[0] + basses[0], treble[1] + basses[1])
    differences = np.diff(mixed, n=4, axis=0)
    heard = energies(differences) / energies(np.diff(crossfade(*treble), n=4, axis=0))
    assert np.abs(10 * np.log10(heard)).max() < 1.5


def test_different_noise_crosses_without_a_dip() -> None:
    one, other = material.pink(2, 1), material.pink(2, 2)
    assert least_level(crossfade(one, other), one, other) > -0.3


def test_equal_music_runs_into_itself_unchanged() -> None:
    wave = material.pink(1.003)
    assert np.abs(crossfade(wave, wave, linear=True) - wave).max() < 1e-5


@pytest.mark.parametrize("linear", [False, True])
def test_a_crossfade_begins_with_the_one_and_ends_with_the_other(linear: bool) -> None:
    one, other = material.pink(1.001, 1), material.pink(1.001, 2)
    mixed = crossfade(one, other, linear=linear)
    assert mixed.shape == one.shape
    assert mixed.dtype == np.float32
    assert np.abs(mixed[:20] - one[:20]).max() < 0.002
    assert np.abs(mixed[-20:] - other[-20:]).max() < 0.002
    silence = np.zeros_like(one)
    assert not crossfade(silence, silence, linear=linear).any()


def test_no_step_is_added_where_two_hits_fall_together() -> None:
    hit = to_float(beats.hits(2, [0.99], 6000, 0.8))
    assert steepest(crossfade(hit, hit)) <= steepest(hit)
    assert steepest(hit * 1.41) > steepest(hit)


@pytest.mark.parametrize("frames", [1, 239, 240, 241, 4800])
def test_overlaps_of_any_length(frames: int) -> None:
    noise = material.pink(0.2)
    mixed = crossfade(noise[:frames], noise[-frames:])
    assert mixed.shape == (frames, 2)
    assert np.isfinite(mixed).all()


def test_beats_stay_on_one_grid_through_a_join() -> None:
    rhythms = [Rhythm(120, 0.1, 1), Rhythm(120, 0.37, 1)]
    clips = [beats.clicks(10, 120, heard.first_beat) for heard in rhythms]
    wave = played(clips, plan(17 * RATE, [EXCERPT] * 2, rhythms))
    for beat in np.arange(0.1, 14.5, 0.5):
        around = np.abs(wave[round((beat - 0.1) * RATE) : round((beat + 0.4) * RATE), 0])
        start = np.flatnonzero(around > 0.03)[0] / RATE - 0.1
        assert abs(start) < 0.001


@pytest.mark.parametrize("frames", [1, 479, BLOCK, BLOCK + 1, 7 * RATE + 13])
def test_blocks_are_whole_but_the_last(frames: int) -> None:
    clip = material.pcm16(material.pink(8))
    joined = Joined([clip], plan(frames, [len(clip)], [None]))
    sizes = [len(block) for block in joined.blocks()]
    assert joined.frames == sum(sizes) == frames
    assert set(sizes[:-1]) <= {BLOCK}
    assert 0 < sizes[-1] <= BLOCK


def test_every_reading_is_the_same_whatever_became_of_the_last() -> None:
    clips = [material.pcm16(material.pink(8, seed)) for seed in (1, 2)]
    originals = [clip.copy() for clip in clips]
    joined = Joined(clips, plan(13 * RATE, [len(clip) for clip in clips], [None] * 2))
    first = np.concatenate(list(joined.blocks()))
    for block in joined.blocks():
        assert block.dtype == np.float32
        block[:] = 7
    assert np.array_equal(np.concatenate(list(joined.blocks())), first)
    assert all(map(np.array_equal, clips, originals))


def test_two_readings_may_go_on_at_a_time() -> None:
    clips = [material.pcm16(material.pink(8, seed)) for seed in (1, 2)]
    joined = Joined(clips, plan(13 * RATE, [len(clip) for clip in clips], [None] * 2))
    pairs = zip(joined.blocks(), joined.blocks(), strict=True)
    assert all(one is not other and np.array_equal(one, other) for one, other in pairs)


@pytest.mark.parametrize(("seconds", "fade"), [(30, 2.5), (5, 0.6), (1, 0.12)])
def test_one_clip_is_untouched_but_for_its_fades(seconds: int, fade: float) -> None:
    clip = material.pcm16(material.offset(32))
    wave = played([clip], plan(seconds * RATE, [len(clip)], [None]), remove_offset=False)
    inside = slice(round(0.010 * RATE), round((seconds - fade) * RATE))
    assert np.array_equal(wave[inside], to_float(clip)[inside])


def test_the_fades_are_raised_cosines() -> None:
    clip = np.full((31 * RATE, 2), 16_384, np.int16)
    wave = 2 * played([clip], plan(30 * RATE, [len(clip)], [None]), remove_offset=False)[:, 0]
    assert wave[0] == 0
    assert wave[RATE // 200] == pytest.approx(0.5, abs=0.002)
    assert wave[-round(1.25 * RATE)] == pytest.approx(0.5, abs=0.002)
    assert 0 <= wave[-1] < 1e-6
    assert (np.diff(wave[: RATE // 100]) > 0).all()
    assert (np.diff(wave[-round(2.5 * RATE) :]) <= 0).all()
    assert steepest(wave[-3 * RATE :, np.newaxis]) < 2e-5


def test_offset_is_removed_from_each_clip_by_itself() -> None:
    clips = [
        material.pcm16(material.pink(8, seed) * 0.3 + offset)
        for seed, offset in ((1, 0.2), (2, -0.3))
    ]
    timeline = plan(14 * RATE, [len(clip) for clip in clips], [None] * 2)
    for part in np.split(played(clips, timeline), 14)[:-2]:
        assert np.abs(part.mean(axis=0)).max() < 0.05
    constant = np.full((2 * RATE, 2), [16_384, -9], np.int16)
    assert np.abs(played([constant], plan(RATE, [2 * RATE], [None]))).max() < 1e-6
    kept = played(clips, timeline, remove_offset=False)
    assert kept[: 5 * RATE].mean() == pytest.approx(0.2, abs=0.05)


def test_segments_are_played_in_their_places() -> None:
    """Two constants: which is heard when."""
    clips = [np.full((4 * RATE, 2), level, np.int16) for level in (8192, 16_384)]
    timeline = Timeline(5 * RATE, (Segment(0, 0, 3 * RATE, 0), Segment(1, 9, 3 * RATE, RATE)), 0)
    wave = played(clips, timeline, remove_offset=False)[:, 0]
    assert wave[RATE // 2 : 2 * RATE] == pytest.approx(0.25)
    assert wave[3 * RATE : 4 * RATE] == pytest.approx(0.5)
    between = wave[2 * RATE : 3 * RATE : WINDOW]
    assert between[0] < 0.26 < between[3] < between[6] < between[9] < 0.51


def test_five_minutes_take_little_memory() -> None:
    clips = [material.pcm16(material.pink(32.768))] * 10
    lengths = [len(clip) for clip in clips]
    tracemalloc.start()
    try:
        joined = Joined(clips, plan(300 * RATE, lengths, [None] * 10))
        assert sum(len(block) for block in joined.blocks()) == 300 * RATE
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 * 2**20
