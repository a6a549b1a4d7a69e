"""The life of one delivery as pure functions: what follows from an attempt, or from none.

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
from shared.webhooks import Attempt, Delivery, State

SCHEDULE: Final = (
    *(0.0, 5.0, 300.0, 1_800.0, 7_200.0),
    *(18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0),
)
"""Seconds before each attempt, counted from the end of the one before."""
WHOLE: Final = sum(SCHEDULE)
THROTTLED_FLOOR: Final = 60.0
JITTER: Final = 0.2
MAX_STARTS: Final = 2
RETENTION: Final = timedelta(days=30)
TROUBLE_BACKOFF: Final = (60.0, 3600.0)
"""Seconds after the first trouble of ours, doubling up to the second."""
LAST_TROUBLES: Final = 6
"""So many in a row, an hour, the last attempts wait for the end of it as well."""

NO_RESULT: Final = "no_result"
GONE: Final = "gone"
TIMEOUT: Final = "timeout"
TARGET_NOT_ALLOWED: Final = "target_not_allowed"
DNS_UNAVAILABLE: Final = "dns_unavailable"
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
    answer: str = ""
    """The first kilobyte of the body, as text."""

    @property
    def accepted(self) -> bool:
        """Only 2xx is; a redirect is a failure."""
        return self.status in range(200, 300)

    @property
    def throttled(self) -> bool:
        """Whether the receiver has too much to do already."""
        return self.status in _THROTTLED or self.code == TIMEOUT

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more webhooks at all."""
        return self.status == HTTPStatus.GONE

    @property
    def trouble(self) -> bool:
        """Whether it was our fault that nothing was sent."""
        return self.code == DNS_UNAVAILABLE

    def attempt(self, row: Delivery, started_at: datetime) -> Attempt:
        """What is kept of it, as the next attempt of *row*."""
        return Attempt(
            number=len(row.attempts) + 1,
            started_at=started_at,
            milliseconds=self.milliseconds,
            status=self.status,
            code=GONE if self.gone else self.code,
            answer=self.answer,
            redelivery=row.redelivering,
        )


def wanted(row: Delivery) -> datetime | None:
    """When the next attempt is wanted; None: not at all."""
    return row.redeliver_at or row.next_at


def taken(row: Delivery, holder: str, now: datetime, timing: Timing) -> Delivery:
    """One more start of the present attempt; the sweeper looks again when its lease ends."""
    expires = now + seconds(timing.delivery_lease)
    return replace(
        row,
        starts=row.starts + 1,
        redelivering=row.redeliver_at is not None,
        holder=holder,
        lease_expires_at=expires,
        wake_at=expires,
        wakes=0,
    )


def succeeded(row: Delivery, attempt: Attempt, now: datetime) -> Delivery:
    """Delivered, whoever held the lease and whatever was thought before; final."""
    return _over(_closed(row, attempt), State.DELIVERED, now)


def failed(
    row: Delivery, attempt: Attempt, answer: Answer, now: datetime, *, scale: float, jitter: float
) -> Delivery:
    """One more failure: the next attempt is planned, or there is none.

    A redelivery changes nothing of what was planned. After a 410 it is due at once, to find its
    endpoint disabled and be held.
    """
    closed = _closed(row, attempt)
    if attempt.redelivery:
        return replace(closed, wake_at=wanted(closed))
    closed = replace(closed, failed=row.failed + 1)
    if row.once or closed.failed == len(SCHEDULE):
        return _over(closed, State.EXHAUSTED, now)
    pause = delay(closed.failed, answer, now, scale=scale, jitter=jitter)
    at = now if answer.gone else now + seconds(pause)
    return replace(closed, next_at=at, wake_at=closed.redeliver_at or at)


def troubled(row: Delivery, now: datetime, *, scale: float, jitter: float) -> Delivery:
    """Trouble of ours: no attempt is used up, until the schedule's whole time is over.

    A start that has led to it is given back; one that came to nothing before still counts, for
    its POST may have gone out.
    """
    first, most = TROUBLE_BACKOFF
    pause = min(first * 2.0 ** min(row.troubles, 16) * (1 + JITTER * jitter), most) * scale
    at = now + seconds(pause)
    starts = row.starts - row.live(now)
    free = replace(_free(row), starts=starts, troubles=row.troubles + 1, wake_at=at)
    over = now >= (row.redeliver_at or row.since) + seconds(WHOLE * scale)
    if not over or row.troubles < LAST_TROUBLES:
        return free if row.redeliver_at else replace(free, next_at=at)
    if row.redeliver_at:
        return replace(free, redeliver_at=None, wake_at=row.next_at)
    return _over(free, State.EXHAUSTED, now)


def held(row: Delivery) -> Delivery:
    """Its endpoint is disabled: nothing happens until it is enabled."""
    expires = row.since + RETENTION
    return replace(_free(row), state=State.HELD, next_at=None, wake_at=None, expire_at=expires)


def released(row: Delivery, now: datetime) -> Delivery:
    """Its endpoint is enabled again: due now, with the attempts that it had left."""
    return replace(
        row, state=State.PENDING, since=now, next_at=now, wake_at=now, expire_at=None, wakes=0
    )


def moved_on(row: Delivery, now: datetime, timing: Timing) -> Delivery:
    """It was due and found no place: the sweeper looks again later, and later."""
    pause = min(timing.wake * 2.0 ** min(row.wakes, 16), timing.wake_limit)
    return replace(row, wake_at=now + seconds(pause), wakes=row.wakes + 1)


def _free(row: Delivery) -> Delivery:
    return replace(row, holder="", lease_expires_at=None)


def _closed(row: Delivery, attempt: Attempt) -> Delivery:
    return replace(
        _free(row),
        starts=0,
        troubles=0,
        redelivering=False,
        redeliver_at=None if row.redelivering else row.redeliver_at,
        attempts=(*row.attempts, attempt),
    )


def _over(row: Delivery, state: State, now: datetime) -> Delivery:
    expires = row.expire_at or now + RETENTION
    # Whoever asked for one more attempt meanwhile has been told that it comes.
    wish = None if state is State.DELIVERED else row.redeliver_at
    return replace(
        row, state=state, next_at=None, redeliver_at=wish, wake_at=wish, expire_at=expires
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
