"""The life of one delivery as pure functions: who may take an attempt, and what follows from it.

Schedule and verdicts: Standard Webhooks 1.0.0, "Retries". Times are the store's.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from shared.clock import seconds
from shared.timing import Timing
from shared.track import Attempt, Delivery

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
EXHAUSTED: Final = "exhausted"

SCHEDULE: Final = (
    *(0.0, 5.0, 300.0, 1_800.0, 7_200.0),
    *(18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0),
)
"""Seconds before each attempt, counted from the end of the one before."""
THROTTLED_FLOOR: Final = 60.0
JITTER: Final = 0.2
MAX_STARTS: Final = 2
RETENTION: Final = timedelta(days=30)

NO_RESULT: Final = "no_result"
GONE: Final = "gone"
TIMEOUT: Final = "timeout"
TARGET_NOT_ALLOWED: Final = "target_not_allowed"
_THROTTLED: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one POST: a ``status``, or a ``code`` word saying why there is none."""

    status: int = 0
    code: str = ""
    retry_after: str = ""
    milliseconds: int = 0

    @property
    def accepted(self) -> bool:
        """Only 2xx is; a redirect is a failure."""
        return self.status in range(200, 300)

    @property
    def throttled(self) -> bool:
        """Whether the receiver has too much to do already."""
        return self.status in _THROTTLED or self.code == TIMEOUT

    @property
    def final(self) -> bool:
        """Whether no other attempt can end better."""
        return self.status == HTTPStatus.GONE or self.code == TARGET_NOT_ALLOWED

    def attempt(self, number: int, started_at: datetime) -> Attempt:
        """What is kept of it."""
        code = GONE if self.status == HTTPStatus.GONE else self.code
        return Attempt(
            number=number,
            started_at=started_at,
            milliseconds=self.milliseconds,
            status=self.status,
            code=code,
        )


def live(row: Delivery, now: datetime) -> bool:
    """Whether somebody is making an attempt right now."""
    return bool(row.holder) and row.lease_expires_at is not None and row.lease_expires_at > now


def taken(row: Delivery, holder: str, now: datetime, timing: Timing) -> Delivery:
    """One more start of the present attempt; the sweeper looks again when its lease ends."""
    expires = now + seconds(timing.delivery_lease)
    return replace(
        row, starts=row.starts + 1, holder=holder, lease_expires_at=expires, wake_at=expires
    )


def succeeded(row: Delivery, attempt: Attempt, now: datetime) -> Delivery:
    """Delivered, whoever held the lease and whatever was thought before; final."""
    return replace(_closed(row, attempt), state=DELIVERED, wake_at=None, expire_at=now + RETENTION)


def failed(
    row: Delivery, attempt: Attempt, answer: Answer, now: datetime, *, scale: float, jitter: float
) -> Delivery:
    """One more failure: the next attempt is planned, or there is none."""
    count = row.failed + 1
    closed = replace(_closed(row, attempt), failed=count)
    if answer.final or count == len(SCHEDULE):
        return replace(closed, state=EXHAUSTED, wake_at=None, expire_at=now + RETENTION)
    pause = delay(count, answer, now, scale=scale, jitter=jitter)
    return replace(closed, wake_at=now + seconds(pause))


def _closed(row: Delivery, attempt: Attempt) -> Delivery:
    return replace(
        row, starts=0, holder="", lease_expires_at=None, attempts=(*row.attempts, attempt)
    )


def delay(failures: int, answer: Answer, now: datetime, *, scale: float, jitter: float) -> float:
    """Seconds until the attempt that follows *failures* (1 to 9) of them.

    The receiver's ``Retry-After`` may double the planned delay, never shorten it. *scale*
    multiplies schedule and floor; *jitter* is 0 to 1 and only ever adds.
    """
    planned = max(SCHEDULE[failures], THROTTLED_FLOOR if answer.throttled else 0.0) * scale
    asked = retry_after(answer.retry_after, now)
    return min(max(asked, planned), 2 * planned) * (1 + JITTER * jitter)


def retry_after(value: str, now: datetime) -> float:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3); 0 when it says nothing."""
    if re.fullmatch(r"[0-9]+", value):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, (at - now).total_seconds())
    except (ValueError, OverflowError):
        return 0.0
