"""From raw clips to finished samples: exact length, fades, loudness, true peak, 16 bit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.generator.audio import limiter
from services.generator.audio.loudness import FLOOR_LUFS, cell_peaks, integrated
from services.generator.audio.pcm import RATE, Pcm16, Samples, blocks, float_blocks, quantise
from shared.errors import Code, PermanentError

FADE_IN_SECONDS: Final = 0.010
FADE_OUT_SECONDS: Final = 2.5
FADE_OUT_SHARE: Final = 0.12
"""Of the track, where that is shorter than ``FADE_OUT_SECONDS``."""

_TOLERANCE_LU: Final = 0.05
_STEPS: Final = 6
_LIMITED_LU: Final = 0.2
"""So far below its target a track is said to be limited."""
_GUARD_DB: Final = 0.05
"""The gain's own movement and the dither may lift an oversampled peak by about this much."""


@dataclass(frozen=True, slots=True)
class MasterSpec:
    """What to make of the clips. ``loudness_lufs=None`` leaves all but the fades untouched."""

    frames: int
    loudness_lufs: float | None = -14.0
    ceiling_dbtp: float = -1.0
    bit_depth: int = 16
    dither_seed: int = 0


@dataclass(frozen=True, slots=True)
class Mastered:
    """Finished samples, shape (frames, 2), and what was measured on exactly these."""

    samples: Pcm16
    loudness_lufs: float
    true_peak_dbtp: float
    gain_db: float
    """Static gain, before the limiter."""
    loudness_limited: bool
    """True: the target would have needed more limiting than music bears, the track is quieter."""


def master(clips: Sequence[Samples], spec: MasterSpec) -> Mastered:
    """Make the finished track; the same clips and *spec* give the same samples.

    Raises:
        PermanentError: ``audio_invalid``, the clips are shorter than the track.
        ValueError: not exactly one clip, or a bit depth that is not offered.
    """
    if spec.bit_depth != 16:
        raise ValueError(f"bit depth {spec.bit_depth} is not offered")
    track = _cut(join(clips), spec.frames)
    if spec.loudness_lufs is None:
        _fade(track)
        return _measured(quantise(blocks(track), len(track)))
    _remove_offset(track)
    _fade(track)
    return _levelled(track, spec.loudness_lufs, spec)
