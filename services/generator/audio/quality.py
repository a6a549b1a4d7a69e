"""The quality gate: what a clip must not be, whatever the taste.

Each refusal costs a paid call, so the thresholds stand far from music. Measured on clips of the
local composer, four in each of six styles: at most one window of a clip is below ``DEAD_DBFS``,
and there is not one flat top. Driven 3 dB into hard clipping the same clips have 0.04 to 0.35 %
of their samples on flat tops, 6 dB 0.8 to 2.8 %, 9 dB 4.3 to 10 %.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.generator.audio.pcm import RATE, Pcm16
from shared.errors import Code

WINDOW: Final = RATE * 2 // 5
"""400 ms: two drum hits with nothing between them are still one sounding bar."""
DEAD_DBFS: Final = -56.0
"""Mean power, offset removed: softer than any instrument, louder than noise of -60 dB."""
DEAD_SHARE: Final = 2 / 3
"""So much of a clip, wherever it lies, makes it silent; a click or two do not bring it to life."""
DEAD_SECONDS: Final = 8.0
"""So much at a stretch does as well: no rest in music is as long, a drop-out is."""
DEAD_CHANNEL_SHARE: Final = 0.9
"""So much of one channel is a broken channel; less may be an instrument far to one side."""

FLAT_SHARE: Final = 0.01
"""Of a channel's samples, on flat tops: some hundred clipped peaks are a loud master, no fault."""
FLAT_RUN: Final = 4
"""Frames in a row that are a flat top, and no peak that just fits."""
FLAT_LEVELS: Final = 2
"""Steps to either side that still are the same height: clipping may have been dithered."""

_ROUND_TOP: Final = 8
"""Within so many times ``FLAT_LEVELS`` a sine has nearly three times the samples, a flat top none
more: low pure tones are no clipping."""
_ROUND_SHARE: Final = 0.75
_FULL_SCALE: Final = 1 << 15
_LEAST_TOP: Final = _FULL_SCALE >> 5
"""Peaks below it, -30 dBFS, are steps of a quiet sound and no tops."""

Channel = NDArray[np.int16]


def verdict(pcm: Pcm16) -> Code | None:
    """Why a clip, shape (frames, 2), at least one frame, is no music; None when nothing is."""
    channels = np.ascontiguousarray(pcm.T)
    if _silent(channels):
        return Code.AUDIO_SILENT
    if any(_flat_share(channel) > FLAT_SHARE for channel in channels):
        return Code.AUDIO_CLIPPED
    return None


def _silent(channels: NDArray[np.int16]) -> bool:
    """All of it, most of it, a long stretch of it, or one channel."""
    dead = np.array([_powers(channel) for channel in channels]) < 10 ** (DEAD_DBFS / 10)
    both = dead[0] & dead[1]
    return bool(
        both.mean() > DEAD_SHARE
        or _runs(both).max(initial=0) * WINDOW >= DEAD_SECONDS * RATE
        or dead.mean(axis=1).max() > DEAD_CHANNEL_SHARE
    )


def _powers(channel: Channel) -> NDArray[np.float64]:
    """Mean square of each window without its offset, full scale 1; a short rest counts as one."""
    starts = range(0, len(channel), WINDOW)
    return np.array([_power(channel[start : start + WINDOW]) for start in starts])


def _power(window: Channel) -> float:
    wave = window.astype(np.float32)
    wave -= wave.mean()
    return float(np.vdot(wave, wave)) / len(wave) / _FULL_SCALE**2


def _flat_share(channel: Channel) -> float:
    return sum(_flat_samples(channel, top) for top in _tops(channel)) / len(channel)


def _tops(channel: Channel) -> Iterator[int]:
    """For each sign the height that most samples above half of the peak have.

    Not the peak itself: clipping need not be at full scale, and one click may stand above it.
    """
    counts = np.bincount(channel.astype(np.intp) + _FULL_SCALE, minlength=2 * _FULL_SCALE)
    for sign, heights in ((1, counts[_FULL_SCALE:]), (-1, counts[_FULL_SCALE::-1])):
        peak = int(np.flatnonzero(heights).max(initial=0))
        if peak >= _LEAST_TOP:
            yield sign * (peak // 2 + int(heights[peak // 2 :].argmax()))


def _flat_samples(channel: Channel, top: int) -> int:
    flat = _at(channel, top, FLAT_LEVELS)
    around = _at(channel, top, _ROUND_TOP * FLAT_LEVELS)
    return flat if flat > _ROUND_SHARE * around else 0


def _at(channel: Channel, level: int, width: int) -> int:
    """How many samples lie in runs at *level*, give or take *width*."""
    runs = _runs((channel >= level - width) & (channel <= level + width))
    return int(runs[runs >= FLAT_RUN].sum())


def _runs(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return edges[1::2] - edges[::2]
