"""Plays a timeline: clips joined and faded, or closed to a loop, a block at a time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from services.generator.audio.crossfade import crossfade
from services.generator.audio.pcm import (
    BLOCK,
    CHANNELS,
    RATE,
    Pcm16,
    Samples,
    in_blocks,
    to_float,
)
from services.generator.audio.timeline import Segment, Timeline

FADE_IN_SECONDS: Final = 0.010
FADE_OUT_SECONDS: Final = 2.5
FADE_OUT_SHARE: Final = 0.12
"""Of the track, where that is shorter than ``FADE_OUT_SECONDS``."""

_FULL_SCALE: Final = 32_768


class Joined:
    """The piece that a timeline describes, as a ``Source``: exact length, joins and fades done.

    Of the clips, shape (frames, 2), only a block or a join at a time is held as floats; each
    one's mean is subtracted with *remove_offset*. A loop has no fades: it begins behind the
    overlap of its first segment, into which its end leads back.
    """

    def __init__(
        self, clips: Sequence[Pcm16], timeline: Timeline, *, remove_offset: bool = True
    ) -> None:
        self.frames = timeline.frames
        self._clips = clips
        self._segments = timeline.segments
        self._loop_overlap = timeline.loop_overlap
        self._offsets = [_offset(clip) for clip in clips] if remove_offset else None

    def blocks(self) -> Iterator[Samples]:
        """The piece from its start, ``BLOCK`` frames at a time, the last one shorter."""
        blocks = in_blocks(self._pieces())
        return blocks if self._loop_overlap else _faded(blocks, self.frames)

    def _pieces(self) -> Iterator[Samples]:
        """The piece in parts of any length: what sounds alone, a join, and so on."""
        first, *others = self._segments
        begin = self._loop_overlap
        for segment, after in zip(self._segments, [*others, first], strict=True):
            overlap = self._loop_overlap if after is first else after.overlap
            end = segment.frames - overlap
            for start in range(begin, end, BLOCK):
                yield self._part(segment, start, min(start + BLOCK, end))
            if overlap:
                leaving = self._part(segment, end, segment.frames)
                yield crossfade(leaving, self._part(after, 0, overlap), linear=after is first)
            begin = overlap

    def _part(self, segment: Segment, start: int, end: int) -> Samples:
        clip = self._clips[segment.clip]
        part = to_float(clip[segment.start + start : segment.start + end])
        if self._offsets:
            part -= self._offsets[segment.clip]
        return part


def _offset(clip: Pcm16) -> Samples:
    """Mean of each channel, shape (2,)."""
    # Column by column: along axis 0 it takes 25 times as long.
    means = [clip[:, channel].mean() for channel in range(CHANNELS)]
    return np.array(means, np.float32) / np.float32(_FULL_SCALE)


def _faded(blocks: Iterable[Samples], frames: int) -> Iterator[Samples]:
    """Raised-cosine fades: no kink at either end of a fade."""
    rise = _rise(min(round(FADE_IN_SECONDS * RATE), frames))
    fall = _rise(round(min(FADE_OUT_SECONDS * RATE, FADE_OUT_SHARE * frames)))[::-1]
    start = 0
    for block in blocks:
        end = start + len(block)
        rising = rise[start:end]
        block[: len(rising)] *= rising
        until = len(fall) - frames
        falling = fall[max(0, until + start) : max(0, until + end)]
        block[len(block) - len(falling) :] *= falling
        start = end
        yield block


def _rise(frames: int) -> Samples:
    """Shape (frames, 1), from 0 on."""
    phase = np.linspace(0, np.pi, frames, endpoint=False)
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)[:, np.newaxis]
