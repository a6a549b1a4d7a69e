"""The music model as the generator sees it: one clip per call, behind a small Protocol."""

from dataclasses import dataclass
from typing import Protocol

from shared.errors import RetryableError


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """What one call asks for."""

    prompt: str
    negative_prompt: str
    seed: int


@dataclass(frozen=True, slots=True)
class Clip:
    """What one paid call gave: bytes as they came, judged later."""

    data: bytes


class MusicModel(Protocol):
    """Makes clips."""

    def generate(self, request: ClipRequest) -> Clip:
        """Pay for one clip.

        Raises:
            PermanentError: the prompt, or our configuration, will never be accepted.
            NothingToStore: an answer without audio; another seed may do.
            QuotaExceeded: not now, and not paid.
            ModelUnavailable: a refusal, or no connection; it certainly cost nothing.
            ReplyLost: no whole answer; it may have been paid.
        """


class NothingToStore(RetryableError):
    """The model answered without audio (recitation check, empty reply): try the next version."""


class QuotaExceeded(RetryableError):
    """429."""

    code = "model_quota"

    def __init__(self, message: str, retry_after: float = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelUnavailable(RetryableError):
    """Certainly unpaid: ``refused`` by a 5xx, or never reached."""

    code = "model_unavailable"

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class ReplyLost(RetryableError):
    """Timeout or cut reply: perhaps paid."""

    code = "model_timeout"
