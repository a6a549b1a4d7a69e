"""From raw clips to a piece that only has to be rendered: tempo, joins, level."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from services.generator.audio.encoders import ENCODERS, Tags, wav_head
from services.generator.audio.joining import Joined
from services.generator.audio.key import Key, key
from services.generator.audio.mastering import MasterSpec, Plan, solve
from services.generator.audio.pcm import RATE
from services.generator.audio.rhythm import Rhythm, overall, rhythms
from services.generator.audio.tape import Tape
from services.generator.audio.tempo import FASTEST_BPM, SLOWEST_BPM, Expected
from services.generator.audio.timeline import plan
from services.generator.audio.wav import pcm
from services.generator.prompt import Version, seed
from shared.messages import TrackRequest
from shared.track import Track

CEILING_DBTP: Final = -1.0
LOSSY_CEILING_DBTP: Final = -1.5
"""Where a lossy format is asked for: what is decoded from it overshoots by some tenths."""
_TEMPI: Final = {"slow": 75.0, "moderate": 105.0, "fast": 140.0}
"""Beats per minute that the words of a request mean, about."""
_BPM: Final = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d+)?) ?bpm\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sound:
    """A track before it is rendered, and what was found out about it."""

    source: Joined
    plan: Plan
    spec: MasterSpec
    tags: Tags
    versions: tuple[Version, ...]
    tempo: Rhythm | None
    key: Key | None

    def tape(self, watch: Callable[[], None] = lambda: None) -> Tape:
        """An empty tape of its length, which begins as a WAV file does; *watch* as in ``Tape``."""
        frames, bits = self.source.frames, self.spec.bit_depth
        return Tape(frames, bits, wav_head(frames, bits, self.tags), watch)


def prepare(
    clips: Sequence[bytes], versions: Sequence[Version], track: Track, label: str = ""
) -> Sound:
    """Join the clips, which are *versions*, to what the track asks for, and find its level.

    *label* is what its files call the model; empty: the model's id.

    Raises:
        PermanentError: ``audio_invalid``, a clip cannot be read, or is too short.
    """
    request = track.request
    waves = [pcm(clip) for clip in clips]
    heard = rhythms(waves, _expected(request))
    timeline = plan(
        round(request.duration_seconds * RATE),
        [len(wave) for wave in waves],
        heard,
        loop=request.loop,
    )
    spec = _spec(track)
    source = Joined(waves, timeline, remove_offset=spec.loudness_lufs is not None)
    return Sound(
        source=source,
        plan=solve(source, spec),
        spec=spec,
        tags=_tags(track, label or track.request.model),
        versions=tuple(versions),
        tempo=overall(heard),
        key=key(waves),
    )


def _spec(track: Track) -> MasterSpec:
    request = track.request
    lossy = any(ENCODERS[name].lossy for name in request.formats)
    return MasterSpec(
        loudness_lufs=next(iter(request.loudness_lufs), None),
        ceiling_dbtp=LOSSY_CEILING_DBTP if lossy else CEILING_DBTP,
        bit_depth=request.bit_depth,
        dither_seed=seed(request, track.request_id, Version(0, 1)),
        loop=request.loop,
    )


def _tags(track: Track, model: str) -> Tags:
    style = track.request.style.capitalize()
    return Tags(
        title=f"{style} track {track.request_id[:8]}",
        model=model,
        comment=f"AI-generated with {model}",
    )


def _expected(request: TrackRequest) -> Expected:
    """The tempo asked for: the field's number, else the prompt's last, else the field's word."""
    if request.tempo.isdecimal():
        return Expected(float(request.tempo), exact=True)
    said = [bpm for bpm in map(float, _BPM.findall(request.prompt)) if _playable(bpm)]
    return Expected(said[-1], exact=True) if said else Expected(_TEMPI[request.tempo], exact=False)


def _playable(bpm: float) -> bool:
    return SLOWEST_BPM <= bpm <= FASTEST_BPM
