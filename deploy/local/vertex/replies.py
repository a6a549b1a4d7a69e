"""The bodies that `:predict` answers with: as the real ones are, and spoiled in every known way."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from deploy.local.vertex.music.wav import FRAMES, pcm, wav

Clip = Callable[[], bytes]
"""Makes a WAV file when it is needed."""

AUDIO_KEY: Final = "bytesBase64Encoded"
_FULL_SCALE: Final = 32_767
_SQUARE_FRAMES: Final = 109
_SOME_TEXT: Final = b"This is text where a WAV file should be.\n"


def reply(clips: Sequence[bytes]) -> bytes:
    """What the live service sends: indented, and nothing but the audio."""
    return _document({"predictions": [{AUDIO_KEY: _text(clip)} for clip in clips]})


def _empty_predictions(_: Clip) -> bytes:
    return _document({"predictions": []})


def _no_audio_key(_: Clip) -> bytes:
    return _document({"predictions": [{"mimeType": "audio/wav"}]})


def _truncated_base64(clip: Clip) -> bytes:
    text = _text(clip())
    return _document({"predictions": [{AUDIO_KEY: text[: len(text) // 2 + 1]}]})


def _not_wav(_: Clip) -> bytes:
    return reply([_SOME_TEXT * (FRAMES * 4 // len(_SOME_TEXT))])


def _audio_content_key(clip: Clip) -> bytes:
    """The documented shape, which the live service was not seen to use."""
    return _document(
        {
            "predictions": [{"audioContent": _text(clip()), "mimeType": "audio/wav"}],
            "deployedModelId": "1",
            "model": "projects/motif-local/locations/us-central1/models/lyria-002",
            "modelDisplayName": "Lyria 2",
        }
    )


def _header_44(clip: Clip) -> bytes:
    return reply([wav(pcm(clip()), info=False)])


def _silent(_: Clip) -> bytes:
    return reply([wav(np.zeros((FRAMES, 2), np.int16))])


def _clipped(_: Clip) -> bytes:
    high = np.arange(FRAMES) // _SQUARE_FRAMES % 2 == 0
    square = np.where(high, _FULL_SCALE, -_FULL_SCALE - 1).astype(np.int16)
    return reply([wav(np.column_stack((square, square)))])


def _error_in_200(_: Clip) -> bytes:
    error = {"code": 13, "message": "Could not generate audio"}
    return _document({"predictions": [{"error": error}]})


REPLIES: Final[Mapping[str, Callable[[Clip], bytes]]] = {
    "audio_content_key": _audio_content_key,
    "clipped": _clipped,
    "empty_predictions": _empty_predictions,
    "error_in_200": _error_in_200,
    "header_44": _header_44,
    "no_audio_key": _no_audio_key,
    "not_wav": _not_wav,
    "silent": _silent,
    "truncated_base64": _truncated_base64,
}
"""What a fault rule's `{"reply": NAME}` makes of a clip. All of it is paid."""


def _text(clip: bytes) -> str:
    return base64.b64encode(clip).decode()


def _document(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, indent=2).encode() + b"\n"
