"""From a track request to what the model is asked: pure, and repeatable to the bit."""

import hashlib
from typing import Final

from services.generator.model import ClipRequest
from shared.messages import TrackRequest

SEEDS: Final = 2**31
_CLIP_STEP: Final = 7919
_VERSION_STEP: Final = 104_729


def clip_request(request: TrackRequest, request_id: str, clip: int, n: int) -> ClipRequest:
    """What version *n* (from 1) of *clip* (from 0) asks the model for.

    The base form is Motif's first service's: ``Generate {style} music: {prompt}, {tempo} tempo``.
    """
    tempo = f"{request.tempo} BPM" if request.tempo.isdecimal() else request.tempo
    return ClipRequest(
        prompt=f"Generate {request.style} music: {request.prompt}, {tempo} tempo",
        negative_prompt=request.negative_prompt,
        seed=seed(request, request_id, clip, n),
    )


def seed(request: TrackRequest, request_id: str, clip: int, n: int) -> int:
    """A seed below 2**31; the caller's own for the first version of the first clip."""
    base = request.seed
    if base < 0:
        base = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:4], "big")
    return (base + clip * _CLIP_STEP + (n - 1) * _VERSION_STEP) % SEEDS
