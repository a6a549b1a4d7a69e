"""Plans: exact length, all clips, music's own beginning and end, beat on beat."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.audio.pcm import RATE
from services.generator.audio.rhythm import Rhythm
from services.generator.audio.timeline import Timeline, plan
from shared.errors import Code, PermanentError
from shared.models import MODELS, MOST_OVERLAP_SECONDS

MODEL = MODELS["lyria-002"]
CLIP = MODEL.clip_frames
LENGTHS = st.one_of(
    st.floats(1, 300),
    st.sampled_from([1, 7.3, 32.268, 32.768, 33, 61.7, 62.536, 120, 299.999, 300]),
)
BEATS = st.builds(
    lambda bpm, phase: Rhythm(bpm, phase * 60 / bpm, 0.8), st.floats(40, 220), st.floats(0, 0.99)
)
Rhythms = Sequence[Rhythm | None]


def steady(count: int, bpm: float = 120, first: float = 0.1) -> list[Rhythm]:
    return [Rhythm(bpm, first, 0.8)] * count


def phase(heard: Rhythm, frame: float) -> float:
    return (frame / RATE - heard.first_beat) * heard.bpm / 60 % 1


def between_beats(one: tuple[Rhythm, float], other: tuple[Rhythm, float]) -> float:
    """Seconds by which two places miss the same part of their beats."""
    apart = (phase(*one) - phase(*other) + 0.5) % 1 - 0.5
    return abs(apart) * 60 / max(one[0].bpm, other[0].bpm)


def check(timeline: Timeline, lengths: Sequence[int]) -> None:
    """What holds for every plan."""
    segments = timeline.segments
    assert [segment.clip for segment in segments] == list(range(len(lengths)))
    for segment in segments:
        assert 0 <= segment.start < segment.start + segment.frames <= lengths[segment.clip]
    overlaps = [timeline.loop_overlap, *(s.overlap for s in segments[1:]), timeline.loop_overlap]
    assert segments[0].overlap == 0
    assert all(s.frames >= sum(o) for s, o in zip(segments, pairwise(overlaps), strict=True))
    material = sum(segment.frames - segment.overlap for segment in segments)
    assert material == timeline.frames + timeline.loop_overlap


def joins_meet(timeline: Timeline, rhythms: Rhythms) -> None:
    for before, after in pairwise(timeline.segments):
        leaving, entering = rhythms[before.clip], rhythms[after.clip]
        if leaving and entering:
            end = before.start + before.frames - after.overlap / 2
            start = after.start + after.overlap / 2
            assert between_beats((leaving, end), (entering, start)) < 0.0003


@given(LENGTHS, st.lists(st.none() | BEATS, min_size=11, max_size=11))
def test_there_is_always_a_plan_of_exact_length_with_beat_on_beat(
    seconds: float, beats: Rhythms
) -> None:
    frames, count = round(seconds * RATE), MODEL.clips(seconds)
    timeline = plan(frames, [CLIP] * count, beats[:count])
    check(timeline, [CLIP] * count)
    assert (timeline.frames, timeline.loop_overlap) == (frames, 0)
    assert timeline.segments[0].start == 0
    assert all(0.9 * RATE < s.overlap <= 2.5 * RATE for s in timeline.segments[1:])
    joins_meet(timeline, beats)
    if count > 1:
        last = timeline.segments[-1]
        assert CLIP - last.start - last.frames < 1.55 * RATE


@given(LENGTHS, st.lists(st.none() | BEATS, min_size=11, max_size=11))
def test_there_is_always_a_loop_of_whole_beats(seconds: float, beats: Rhythms) -> None:
    frames, count = round(seconds * RATE), MODEL.clips(seconds, loop=True)
    timeline = plan(frames, [CLIP] * count, beats[:count], loop=True)
    check(timeline, [CLIP] * count)
    assert 0.2 * RATE < timeline.loop_overlap <= 2.5 * RATE
    joins_meet(timeline, beats)
    assert RATE <= timeline.frames <= 300 * RATE
    assert abs(timeline.frames - frames) <= 0.12 * frames
    begin, end = beats[0], beats[count - 1]
    if begin is None:
        assert end is None or timeline.frames == frames
    elif end is not None and not stays_off_the_beat(timeline, seconds, begin.bpm, end.bpm):
        half = timeline.loop_overlap / 2
        last = timeline.segments[-1]
        out, into = last.start + last.frames - half, timeline.segments[0].start + half
        assert between_beats((end, out), (begin, into)) < 0.0011


def stays_off_the_beat(timeline: Timeline, seconds: float, *bpm: float) -> bool:
    """Whether the beats on either side of a loop's end are too far from what was asked for."""
    length, beat = timeline.frames / RATE, 60 / min(bpm)
    least, most = max(1, 0.88 * seconds), min(300, 1.12 * seconds)
    return length - beat < least + 0.001 and length + beat > most - 0.001


@given(
    st.lists(st.floats(25, 40), min_size=2, max_size=10),
    st.floats(0.5, 1),
    st.lists(st.none() | BEATS, min_size=10, max_size=10),
)
def test_clips_of_other_lengths_do_as_long_as_there_is_enough(
    seconds: list[float], share: float, beats: Rhythms
) -> None:
    lengths = [round(length * RATE) for length in seconds]
    frames = round(share * (sum(lengths) - 0.2 * RATE * (len(lengths) - 1)))
    timeline = plan(frames, lengths, beats[: len(lengths)])
    check(timeline, lengths)
    assert timeline.frames == frames


def test_a_short_track_is_the_beginning_of_its_clip() -> None:
    (only,) = plan(7 * RATE, [CLIP], [None]).segments
    assert (only.start, only.frames, only.overlap) == (0, 7 * RATE, 0)


@pytest.mark.parametrize("seconds", [35, 45, 59])
def test_each_clip_gives_about_as_much(seconds: int) -> None:
    first, last = plan(seconds * RATE, [CLIP] * 2, [None] * 2).segments
    assert abs(first.frames - last.frames) < 6.1 * RATE
    assert first.start == 0
    assert last.start + last.frames == pytest.approx(CLIP, abs=2)


def test_inner_clips_lose_on_both_sides() -> None:
    segments = plan(70 * RATE, [CLIP] * 3, [None] * 3).segments
    lengths = [segment.frames / RATE for segment in segments]
    assert max(lengths) - min(lengths) < 1
    inner = segments[1]
    assert inner.start > 2 * RATE
    assert CLIP - inner.start - inner.frames > 2 * RATE


@pytest.mark.parametrize(("seconds", "gone"), [(62, 1.5), (60, 3.0), (45, 3.0)])
def test_the_dying_away_of_a_clip_falls_away_first(seconds: int, gone: float) -> None:
    first, last = plan(seconds * RATE, [CLIP] * 2, [None] * 2).segments
    assert (CLIP - first.frames) / RATE > gone - 0.01
    if seconds > 45:
        assert last.start / RATE < 0.6


@pytest.mark.parametrize(
    ("bpm", "beats"), [(50, 1), (61, 2), (90, 2), (101, 4), (120, 4), (200, 4)]
)
def test_an_overlap_is_a_bar_or_half_of_one(bpm: float, beats: int) -> None:
    overlap = plan(50 * RATE, [CLIP] * 2, steady(2, bpm)).segments[1].overlap
    assert overlap == pytest.approx(beats * 60 / bpm * RATE, abs=1)
    assert 1 <= overlap / RATE <= 2.5


def test_an_overlap_without_a_beat_takes_two_seconds() -> None:
    for unclear in ([None, None], [None, *steady(1)], [*steady(1), None]):
        timeline = plan(50 * RATE, [CLIP] * 2, unclear)
        assert timeline.segments[1].overlap == 2 * RATE


def test_a_clip_enters_on_its_beat_where_there_is_a_choice() -> None:
    rhythms = [Rhythm(120, 0.1, 0.8), Rhythm(119.5, 0.33, 0.8)]
    before, after = plan(45 * RATE, [CLIP] * 2, rhythms).segments
    end = before.start + before.frames - after.overlap / 2
    for heard, frame in zip(rhythms, (end, after.start + after.overlap / 2), strict=True):
        assert min(phase(heard, frame), 1 - phase(heard, frame)) < 0.001


def test_octaves_apart_still_meet() -> None:
    rhythms = [Rhythm(70, 0.2, 0.8), Rhythm(140, 0.3, 0.8)]
    timeline = plan(60 * RATE, [CLIP] * 2, rhythms)
    assert timeline.segments[1].overlap == pytest.approx(2 * 60 / 70 * RATE, abs=1)
    joins_meet(timeline, rhythms)


def test_no_join_takes_more_than_was_paid_for() -> None:
    """Ten clips at the longest join there may be: the shortest material for 300 s."""
    length = round((300 + 9 * MOST_OVERLAP_SECONDS) * RATE / 10)
    for bpm in (40, 59, 61, 99, 101, 220):
        rhythms = [Rhythm(bpm, 0.1 * k % (60 / bpm), 0.8) for k in range(10)]
        timeline = plan(300 * RATE, [length] * 10, rhythms)
        check(timeline, [length] * 10)
        joins_meet(timeline, rhythms)


@pytest.mark.parametrize(
    ("seconds", "bpm", "length"),
    [
        (8, 120, 8),
        (9.2, 120, 10),
        (8.7, 120, 8),
        (1, 120, 1),
        (1.2, 100, 1.2),
        (31, 60, 32),
        (31.9, 60.5, 32 * 60 / 60.5),
        (33, 60, 32),
        (32.4, 117, 63 * 60 / 117),
        (32.4, 66, 35 * 60 / 66),
        (1, 98, 1),
        (1, 110, 1.0909166),
        (1, 41, 1),
        (5, 41, 5),
        (6.5, 60, 6),
        (7.1, 60, 7),
        (7.5, 60, 8),
        (7.5, 56, 7 * 60 / 56),
    ],
)
def test_a_loop_is_the_nearest_number_of_bars_that_fits(
    seconds: float, bpm: float, length: float
) -> None:
    timeline = plan(round(seconds * RATE), [33 * RATE], steady(1, bpm), loop=True)
    assert timeline.frames == round(length * RATE)


@pytest.mark.parametrize(
    ("seconds", "bpm", "beats"), [(300, 60, 300), (300, 59.7, 298), (60, 180, 180)]
)
def test_a_loop_of_many_clips_in_one_tempo_is_exact_too(
    seconds: int, bpm: float, beats: int
) -> None:
    count = MODEL.clips(seconds, loop=True)
    rhythms = [Rhythm(bpm, 0.11 * k % (60 / bpm), 0.8) for k in range(count)]
    timeline = plan(seconds * RATE, [CLIP] * count, rhythms, loop=True)
    check(timeline, [CLIP] * count)
    assert timeline.frames == round(beats * 60 / bpm * RATE)


@pytest.mark.parametrize("bpm", [63, 97, 128])
def test_a_loop_of_two_clips_meets_its_beat_with_hardly_any_material_left(bpm: float) -> None:
    for step in range(200):
        rhythms = [Rhythm(bpm, 0.1, 0.8), Rhythm(bpm * 1.004, step / 500, 0.8)]
        timeline = plan(round((62.3 - step / 1000) * RATE), [CLIP] * 2, rhythms, loop=True)
        check(timeline, [CLIP] * 2)
        joins_meet(timeline, rhythms)


def test_a_loop_takes_no_more_of_its_last_clip_than_there_is() -> None:
    rhythms = [Rhythm(125.74, 0.465, 0.8), Rhythm(40.66, 0.646, 0.8)]
    for step in range(100):
        check(plan(round((61 + step / 1000) * RATE), [CLIP] * 2, rhythms, loop=True), [CLIP] * 2)


def test_a_loop_begins_on_a_beat_away_from_both_ends() -> None:
    rhythm = Rhythm(100, 0.25, 0.8)
    timeline = plan(12 * RATE, [CLIP], [rhythm], loop=True)
    (only,) = timeline.segments
    begin = phase(rhythm, only.start + timeline.loop_overlap)
    assert min(begin, 1 - begin) < 0.001
    assert timeline.loop_overlap == 2.5 * RATE
    assert only.start > 3 * RATE
    assert CLIP - only.start - only.frames > 3 * RATE


def test_the_longest_loop_of_one_clip_overlaps_half_a_second() -> None:
    timeline = plan(round(32.268 * RATE), [CLIP], [None], loop=True)
    assert (timeline.frames, timeline.loop_overlap) == (round(32.268 * RATE), RATE // 2)
    assert timeline.segments[0].frames == CLIP


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("lengths", [[RATE], [15 * RATE] * 2, [29 * RATE, RATE // 5]])
def test_clips_that_are_too_short_are_refused(lengths: list[int], *, loop: bool) -> None:
    with pytest.raises(PermanentError, match=r"too short for a track of 30\.000 s") as refused:
        plan(30 * RATE, lengths, [None] * len(lengths), loop=loop)
    assert refused.value.code == Code.AUDIO_INVALID


def test_a_clip_too_short_for_its_two_joins_is_refused() -> None:
    with pytest.raises(PermanentError, match="too short"):
        plan(45 * RATE, [CLIP, 5 * RATE, CLIP], [None] * 3)


def test_a_plan_needs_clips_and_a_rhythm_for_each() -> None:
    with pytest.raises(ValueError, match="one clip at least"):
        plan(RATE, [], [])
    with pytest.raises(ValueError, match="zip"):
        plan(RATE, [CLIP], [])
