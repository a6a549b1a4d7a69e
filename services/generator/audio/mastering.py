"""From raw clips to finished samples: exact length, fades, loudness, true peak, 16 bit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.generator.audio.levelling import level
from services.generator.audio.loudness import FLOOR_LUFS, cell_peaks, integrated
from services.generator.audio.pcm import RATE, Pcm16, Samples, blocks, float_blocks, quantise
from shared.errors import Code, PermanentError

BIT_DEPTHS: Final = (16,)
FADE_IN_SECONDS: Final = 0.010
FADE_OUT_SECONDS: Final = 2.5
FADE_OUT_SHARE: Final = 0.12
"""Of the track, where that is shorter than ``FADE_OUT_SECONDS``."""

_LIMITED_LU: Final = 0.2
"""So far below its target a track is said to be limited."""


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
    if spec.bit_depth not in BIT_DEPTHS:
        raise ValueError(f"bit depth {spec.bit_depth} is not offered")
    track = _cut(join(clips), spec.frames)
    if spec.loudness_lufs is None:
        _fade(track)
        return _measured(quantise(blocks(track), len(track)))
    _remove_offset(track)
    _fade(track)
    return _levelled(track, spec.loudness_lufs, spec)


def join(clips: Sequence[Samples]) -> Samples:
    """The clips as one piece: today a track is one clip."""
    if len(clips) != 1:
        raise ValueError(f"a track is one clip, not {len(clips)}")
    return clips[0]


def _cut(piece: Samples, frames: int) -> Samples:
    if len(piece) < frames:
        raise PermanentError(
            f"The audio is {len(piece) / RATE:.3f} s long, the track {frames / RATE:.3f} s.",
            code=Code.AUDIO_INVALID,
        )
    return piece[:frames].copy()


def _remove_offset(track: Samples) -> None:
    track -= track.mean(axis=0, dtype=np.float64)


def _fade(track: Samples) -> None:
    """Raised-cosine fades in place: no kink at either end of a fade."""
    seconds = min(FADE_OUT_SECONDS, FADE_OUT_SHARE * len(track) / RATE)
    rise = _rise(min(round(FADE_IN_SECONDS * RATE), len(track)))
    fall = _rise(round(seconds * RATE))[::-1]
    track[: len(rise)] *= rise
    track[len(track) - len(fall) :] *= fall


def _rise(frames: int) -> NDArray[np.float32]:
    phase = np.linspace(0, np.pi, frames, endpoint=False)
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)[:, np.newaxis]


def _levelled(track: Samples, target: float, spec: MasterSpec) -> Mastered:
    gain, parts = level(track, target, spec.ceiling_dbtp)
    pcm = quantise(parts, len(track), dither_seed=spec.dither_seed)
    return _measured(pcm, gain_db=gain, target=target)


def _measured(pcm: Pcm16, *, gain_db: float = 0.0, target: float = FLOOR_LUFS) -> Mastered:
    loudness = integrated(float_blocks(pcm))
    return Mastered(
        samples=pcm,
        loudness_lufs=loudness,
        true_peak_dbtp=float(cell_peaks(float_blocks(pcm)).max()),
        gain_db=gain_db,
        loudness_limited=loudness < target - _LIMITED_LU,
    )
