"""From a track request to what the model is asked: pure, and repeatable to the bit."""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from services.generator.model import ClipRequest
from shared.messages import TrackRequest

SEEDS: Final = 2**31
_CLIP_STEP: Final = 7919
_VERSION_STEP: Final = 104_729
_OPENING: Final = "opening section, building up"
_DEVELOPMENT: Final = "development section, in full flow"
_CLIMAX: Final = "climax section, at its height"
_ENDING: Final = "ending section, coming to a close"


@dataclass(frozen=True, slots=True)
class Version:
    """The n-th version (from 1) of one clip (from 0) of a track of so many clips."""

    clip: int
    of: int
    n: int = 1

    def next(self) -> "Version":
        """What is asked for when this one is no good."""
        return replace(self, n=self.n + 1)

    def object(self, request_id: str) -> str:
        """Where it is stored."""
        return f"clips/{request_id}/{self.clip}-{self.n}.wav"


def clip_request(request: TrackRequest, request_id: str, version: Version) -> ClipRequest:
    """What *version* asks the model for.

    The base form is Motif's first service's: ``Generate {style} music: {prompt}, {tempo} tempo``;
    a track of several clips adds each one's place, so that the whole has a shape.
    """
    tempo = f"{request.tempo} BPM" if request.tempo.isdecimal() else request.tempo
    text = f"Generate {request.style} music: {request.prompt}, {tempo} tempo"
    return ClipRequest(
        prompt=", ".join(filter(None, (text, place(version)))),
        negative_prompt=request.negative_prompt,
        seed=seed(request, request_id, version),
    )


def place(version: Version) -> str:
    """What part of the piece a clip is; empty when it is all of it."""
    if version.of == 1:
        return ""
    if version.clip == 0:
        return _OPENING
    return {version.of - 1: _ENDING, version.of - 2: _CLIMAX}.get(version.clip, _DEVELOPMENT)


def seed(request: TrackRequest, request_id: str, version: Version) -> int:
    """A seed below 2**31; the caller's own for the first version of the first clip."""
    base = request.seed
    if base < 0:
        base = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:4], "big")
    return (base + version.clip * _CLIP_STEP + (version.n - 1) * _VERSION_STEP) % SEEDS
