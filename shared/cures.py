"""What a caller is told to do about each code a track can end with.

A retry runs the same request again: it takes no other prompt, seed or time. Versions of a clip
that were refused are not asked for again; a retry goes on with the next ones by itself.
"""

from typing import Final

from shared.errors import Code
from shared.messages import ErrorInfo


def failure(code: Code, message: str) -> ErrorInfo:
    """The error block of a track, with the cure that belongs to its code."""
    cure, retryable = CURES[code]
    return ErrorInfo(code=code, message=message, cure=cure, retryable=retryable)


_LATER: Final = "Retry later: POST .../retry keeps what was paid for."
_NEW_VERSIONS: Final = "Retry: new versions are made, with seeds of their own"

CURES: Final[dict[Code, tuple[str, bool]]] = {
    Code.PROMPT_BLOCKED: (
        "Submit again with a prompt that names no people and no brands, and nothing harmful.",
        False,
    ),
    Code.PROMPT_RECITATION: (
        f"{_NEW_VERSIONS}; or submit again with a prompt for an original piece, or another seed.",
        True,
    ),
    Code.PROMPT_LANGUAGE: (
        "Submit again with a prompt in English, of a few full sentences.",
        False,
    ),
    Code.MODEL_QUOTA: (_LATER, True),
    Code.MODEL_UNAVAILABLE: (_LATER, True),
    Code.MODEL_TIMEOUT: (_LATER, True),
    Code.MODEL_REJECTED: (
        "Submit again with another prompt, or retry later; if neither helps, ask the operator.",
        True,
    ),
    Code.AUDIO_SILENT: (f"{_NEW_VERSIONS}; or submit again with another prompt or seed.", True),
    Code.AUDIO_CLIPPED: (f"{_NEW_VERSIONS}; or submit again with another prompt or seed.", True),
    Code.AUDIO_INVALID: (f"{_NEW_VERSIONS}; if they fail too, ask the operator.", True),
    Code.DEADLINE_EXCEEDED: (
        "Retry: the same time is allowed anew; or submit again with longer expires_in_seconds.",
        True,
    ),
    Code.CANCELLED: ("Submit again, under another Idempotency-Key if there was one.", False),
    Code.STORAGE_UNAVAILABLE: (_LATER, True),
    Code.INTERNAL: ("Retry; if it fails again, ask the operator with this request id.", True),
}
"""Code -> what helps, and whether a retry may."""
