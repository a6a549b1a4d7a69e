"""The quality gate: what a clip must not be, whatever the taste."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.generator.audio.pcm import Pcm16, float_blocks
from shared.errors import Code

SILENT_RMS_DBFS: Final = -60.0
SILENT_PEAK_DBFS: Final = -50.0
CLIPPED_SHARE: Final = 0.01
"""Of all samples, in runs of at least ``CLIPPED_RUN`` on the rail.

A loud but sound master touches full scale for a sample or three, at some hundred places; eight
in a row (0.17 ms) are a flat top, and a hundredth of the clip is audible throughout.
"""
CLIPPED_RUN: Final = 8


def verdict(pcm: Pcm16) -> Code | None:
    """Why a clip, shape (frames, 2), at least one frame, is no music; None when nothing is."""
    if _silent(pcm):
        return Code.AUDIO_SILENT
    if _clipped_share(pcm) > CLIPPED_SHARE:
        return Code.AUDIO_CLIPPED
    return None


def _silent(pcm: Pcm16) -> bool:
    squares, peak = 0.0, 0.0
    for block in float_blocks(pcm):
        squares += float(np.vdot(block, block))
        peak = max(peak, float(np.abs(block).max()))
    rms = (squares / pcm.size) ** 0.5
    return rms < _amplitude(SILENT_RMS_DBFS) or peak < _amplitude(SILENT_PEAK_DBFS)


def _amplitude(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _clipped_share(pcm: Pcm16) -> float:
    flat = sum(int(runs[runs >= CLIPPED_RUN].sum()) for runs in _runs_at_rails(pcm))
    return flat / pcm.size


def _runs_at_rails(pcm: Pcm16) -> Iterator[NDArray[np.intp]]:
    """Lengths of the runs at full scale, for each channel and sign."""
    limits = np.iinfo(np.int16)
    for channel in pcm.T:
        yield _run_lengths(channel == limits.max)
        yield _run_lengths(channel <= limits.min + 1)


def _run_lengths(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return edges[1::2] - edges[::2]
