"""What a caller is told to do about each code a track can end with."""

from shared.errors import Code
from shared.messages import ErrorInfo


def failure(code: Code, message: str) -> ErrorInfo:
    """The error block of a track, with the cure that belongs to its code."""
    cure, retryable = CURES[code]
    return ErrorInfo(code=code, message=message, cure=cure, retryable=retryable)


CURES: dict[Code, tuple[str, bool]] = {
    Code.PROMPT_BLOCKED: ("Describe the music without people, brands or harmful content.", False),
    Code.PROMPT_RECITATION: ("Describe an original piece, or retry with another seed.", True),
    Code.PROMPT_LANGUAGE: ("Write the prompt in English, as a few full sentences.", False),
    Code.MODEL_QUOTA: ("Retry later.", True),
    Code.MODEL_UNAVAILABLE: ("Retry later: POST .../retry keeps what was paid for.", True),
    Code.MODEL_TIMEOUT: ("Retry later: POST .../retry keeps what was paid for.", True),
    Code.MODEL_REJECTED: ("Change the prompt; if that does not help, ask the operator.", True),
    Code.AUDIO_SILENT: ("Change the prompt or the seed, then retry.", True),
    Code.AUDIO_CLIPPED: ("Change the prompt or the seed, then retry.", True),
    Code.AUDIO_INVALID: ("Retry later: the model's audio could not be read.", True),
    Code.DEADLINE_EXCEEDED: ("Allow more time with expires_in_seconds, or retry.", True),
    Code.CANCELLED: ("Submit the request again.", False),
    Code.STORAGE_UNAVAILABLE: ("Retry later: POST .../retry keeps what was paid for.", True),
    Code.INTERNAL: ("Retry; if it fails again, ask the operator with this request id.", True),
}
