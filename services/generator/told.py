"""What operators are told of one call of the model: a span around it, and a signal after it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry.trace import SpanKind

from services.generator.model import NothingToStore, QuotaExceeded, ReplyLost
from services.generator.prompt import Version
from shared import signals, tracing
from shared.errors import Code, MotifError

STORED: Final = "stored"
LOST: Final = "lost"
"""Answered, and perhaps paid, but what came is not in the bucket, or not in the document."""
FAILED: Final = "failed"
_BLOCKED: Final = (Code.PROMPT_BLOCKED, Code.PROMPT_LANGUAGE)


class Call:
    """One call, from its start to what became of it."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seconds: float | None = None
        self.outcome = STORED
        self.code = ""

    @property
    def seconds(self) -> float:
        """Until the model answered, or until now."""
        return self._seconds or time.monotonic() - self._began

    def answered(self) -> None:
        """The model has answered, somehow; whether a clip is stored is still open."""
        self._seconds = time.monotonic() - self._began

    def failed(self, exc: Exception) -> None:
        """Only the first failure counts: what it led to is no news."""
        if self.outcome == STORED:
            self.outcome = outcome(exc) if self._seconds is None else LOST
            self.code = exc.code if isinstance(exc, MotifError) else Code.INTERNAL


@contextmanager
def call(model: str, version: Version) -> Iterator[Call]:
    """Around a paid call and the storing of its reply."""
    told = Call()
    with tracing.span(
        f"clip {version.clip} call", SpanKind.CLIENT, model=model, clip=version.clip, n=version.n
    ) as span:
        try:
            yield told
        except Exception as exc:
            told.failed(exc)
            raise
        finally:
            span.set_attribute("outcome", told.outcome)
            span.set_attribute("code", told.code)
            signals.tell(
                signals.MODEL_CALLED,
                model=model,
                outcome=told.outcome,
                code=told.code,
                seconds=round(told.seconds, 3),
            )


def outcome(exc: Exception) -> str:
    """The word for a call that ended in *exc*."""
    match exc:
        case NothingToStore():
            return "refused"
        case QuotaExceeded():
            return "quota"
        case ReplyLost():
            return "timeout"
        case MotifError(code=code) if code in _BLOCKED:
            return "blocked"
    return FAILED
