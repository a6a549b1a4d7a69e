"""Plans a track out of clips: which part of each is heard, and where they run into each other.

What a track does not need of its clips falls away around the joins, at the ends of clips before
their starts, because a clip often dies away at its end. Of the first clip the beginning is kept,
of the last one the ending. A join moves by up to a beat, so that beat meets beat.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from services.generator.audio.cuts import Clip, Join
from services.generator.audio.loops import in_reach, whole_bars
from services.generator.audio.pcm import RATE
from services.generator.audio.rhythm import Rhythm
from shared.errors import Code, PermanentError
from shared.models import LEAST_LOOP_OVERLAP_SECONDS

LEAST_OVERLAP_SECONDS: Final = 0.1
"""Clips that leave less than this for a join are too short."""
LOOP_OVERLAP_SECONDS: Final = 2.5
"""What a loop's end takes at most to run into its start."""
TAIL_SECONDS: Final = 3.0
"""So much of a clip may be its dying away: no join goes there while there is another place."""
_LEAST_OVERLAP: Final = round(LEAST_OVERLAP_SECONDS * RATE)
_LEAST_LOOP_OVERLAP: Final = round(LEAST_LOOP_OVERLAP_SECONDS * RATE)
_LOOP_OVERLAP: Final = round(LOOP_OVERLAP_SECONDS * RATE)
_TAIL: Final = TAIL_SECONDS * RATE
_INAUDIBLE: Final = RATE // 1000


@dataclass(frozen=True, slots=True)
class Segment:
    """*frames* of a clip from *start* on; the first *overlap* are under the segment before."""

    clip: int
    start: int
    frames: int
    overlap: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Segments that make a track of *frames* in all.

    With a *loop_overlap* above 0 they hold so many frames more, and the last of these run into
    the first of them: the track is a loop.
    """

    frames: int
    segments: tuple[Segment, ...]
    loop_overlap: int


def plan(
    frames: int,
    lengths: Sequence[int],
    rhythms: Sequence[Rhythm | None],
    *,
    loop: bool = False,
) -> Timeline:
    """Plan a track of exactly *frames* from clips of *lengths* frames, all of them, in order.

    A loop whose beat is clear has the length of `loops.whole_bars`, as far as the clips have
    material and beat meets beat: then ``Timeline.frames`` differs from *frames*, within
    `loops.in_reach`.

    Raises:
        PermanentError: ``audio_invalid``, the clips are too short.
        ValueError: no clips, or not one rhythm for each.
    """
    clips = [Clip.of(*both) for both in zip(lengths, rhythms, strict=True)]
    if not clips:
        raise ValueError("a track is made of one clip at least")
    if loop:
        return _loop(frames, clips)
    segments = _segments(frames, clips, _joins(frames, clips))
    return _checked(Timeline(frames, segments, loop_overlap=0), clips)


def _joins(frames: int, clips: Sequence[Clip]) -> list[Join]:
    """The joins with their overlaps: as music wants them, or as long as the clips allow."""
    joins = [Join(*pair) for pair in pairwise(clips)]
    spare = _material(clips) - frames
    most = spare // max(1, len(joins))
    if spare < 0 or (joins and most < _LEAST_OVERLAP):
        raise _too_short(frames, clips)
    enough = spare >= sum(join.wanted for join in joins)
    overlaps = (join.wanted if enough else min(join.wanted, most) for join in joins)
    return [replace(join, overlap=overlap) for join, overlap in zip(joins, overlaps, strict=True)]


def _segments(
    frames: int, clips: Sequence[Clip], joins: Sequence[Join], loop_start: int | None = None
) -> tuple[Segment, ...]:
    """The parts that make *frames*; only a loop begins and ends inside its clips."""
    sides = _sides(clips, loop=loop_start is not None)
    segments = []
    start, overlap, left = loop_start or 0, 0, frames
    for index, join in enumerate(joins):
        ahead = joins[index:]
        spare = _material(clips[index:]) - start - left - sum(j.overlap for j in ahead)
        room = max(0.0, spare - sum(j.search for j in ahead[1:]))
        end, following = join.cut(*_shares(spare, room, sides[2 * index + 1 :]), room)
        length = join.leaving.frames - end - start
        segments.append(Segment(index, start, length, overlap))
        start, overlap, left = following, join.overlap, left - length + join.overlap
    return (*segments, Segment(len(joins), start, left, overlap))


def _sides(clips: Sequence[Clip], *, loop: bool) -> list[float]:
    """How much each side of each clip should lose, start before end, in relation.

    A clip loses in proportion to its length: half of it on either side, or all on the one side
    that is joined.
    """
    sides = [clip.frames / 2 for clip in clips for _ in ("start", "end")]
    return sides if loop else [0.0, 2 * sides[1], *sides[2:-2], 2 * sides[-2], 0.0]


def _shares(spare: float, room: float, sides: Sequence[float]) -> tuple[float, float]:
    """What should fall away on the first two of *sides*, the end of a clip and the next's start.

    The end takes from the start until its tail is gone.
    """
    end, start = (spare * side / sum(sides) for side in sides[:2])
    moved = min(max(0.0, _TAIL - end), start)
    scale = min(1.0, room / max(end + start, 1.0))
    return (end + moved) * scale, (start - moved) * scale


def _checked(timeline: Timeline, clips: Sequence[Clip]) -> Timeline:
    """*timeline*, unless more than two of its segments would sound at a time."""
    overlaps = [segment.overlap for segment in timeline.segments[1:]]
    overlaps = [timeline.loop_overlap, *overlaps, timeline.loop_overlap]
    for segment, around in zip(timeline.segments, pairwise(overlaps), strict=True):
        if segment.frames < sum(around):
            raise _too_short(timeline.frames, clips)
    return timeline


def _loop(frames: int, clips: Sequence[Clip]) -> Timeline:
    joins = _joins(frames, clips)
    most = _material(clips) - math.ceil(sum(join.overlap + join.search for join in joins))
    length = whole_bars(frames, clips[0], most - _LEAST_LOOP_OVERLAP)
    overlap = min(_LOOP_OVERLAP, most - length, length // 2)
    if overlap < _LEAST_OVERLAP:
        raise _too_short(frames, clips)
    start, overlap = _loop_start(clips, most - length - overlap, overlap)
    segments = _segments(length + overlap, clips, joins, start)
    longer = _to_the_beat(segments, clips, overlap, frames)
    last = replace(segments[-1], frames=segments[-1].frames + longer)
    return _checked(Timeline(length + longer, (*segments[:-1], last), overlap), clips)


def _loop_start(clips: Sequence[Clip], spare: float, overlap: int) -> tuple[int, int]:
    """Where the first clip is entered, and an overlap that ends on its beat."""
    sides = _sides(clips, loop=True)
    _, start = _shares(spare, spare, [sides[-1], *sides[:-1]])
    if not clips[0].beat:
        return int(start), overlap
    first = clips[0].around(start + overlap)[0]
    if first < _LEAST_LOOP_OVERLAP:
        return int(start), overlap
    overlap = min(overlap, int(first))
    return int(first) - overlap, overlap


def _to_the_beat(
    segments: Sequence[Segment], clips: Sequence[Clip], overlap: int, frames: int
) -> int:
    """How much longer the last segment has to be to meet the beat of the first.

    0 for less than is heard, and where that would take the loop too far from *frames*.
    """
    first, last = clips[0], clips[-1]
    if not (first.beat and last.beat):
        return 0
    length = sum(segment.frames - segment.overlap for segment in segments) - overlap
    spare = last.frames - segments[-1].start - segments[-1].frames
    middle = last.frames - spare - overlap / 2
    ways = last.around(middle, first.phase(segments[0].start + overlap / 2))
    longer = sorted((round(way - middle) for way in ways), key=abs)
    if abs(longer[0]) <= _INAUDIBLE:
        return 0
    fitting = (more for more in longer if more <= spare and in_reach(length + more, frames))
    return next(fitting, 0)


def _material(clips: Sequence[Clip]) -> int:
    return sum(clip.frames for clip in clips)


def _too_short(frames: int, clips: Sequence[Clip]) -> PermanentError:
    lengths = ", ".join(f"{clip.frames / RATE:.3f}" for clip in clips)
    return PermanentError(
        f"Clips of {lengths} s are too short for a track of {frames / RATE:.3f} s.",
        code=Code.AUDIO_INVALID,
    )
