import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import accumulate, product, repeat
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier import delivery
from services.notifier.delivery import SCHEDULE, Answer
from shared.timing import Timing
from shared.webhooks import Delivery, State

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MINUTE, HOUR = 60, 3600
WHOLE = 75 * HOUR + 35 * MINUTE + 5
MANY = 10_000
REFUSED = Answer(status=500)

answers = st.builds(
    Answer,
    status=st.sampled_from([0, 100, 301, 307, 400, 401, 404, 429, 500, 502, 503, 504]),
    code=st.sampled_from(["", "timeout", "dns_error"]),
    retry_after=st.one_of(
        st.just(""),
        st.integers(-(10**6), 10**12).map(str),
        st.datetimes(timezones=st.just(UTC)).map(lambda at: format_datetime(at, usegmt=True)),
        st.text(),
    ),
)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def row(**changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "webhook_id": "msg_x",
        "event_id": "r:1:completed",
        "request_id": "r",
        "tenant": "local",
        "type": "track.completed",
        "endpoint_id": "ep_x",
        "url": "https://h.example/",
        "body": b"{}",
        "created_at": NOW,
        "since": NOW,
        "next_at": NOW,
        "wake_at": NOW,
    }
    return Delivery(**(fields | changes))


def taken(one: Delivery, now: datetime = NOW) -> Delivery:
    return delivery.taken(one, "me", now, Timing())


def fail(
    one: Delivery,
    answer: Answer = REFUSED,
    now: datetime = NOW,
    *,
    scale: float = 1,
    jitter: float = 0,
) -> Delivery:
    attempt = answer.attempt(one, now)
    return delivery.failed(one, attempt, answer, now, scale=scale, jitter=jitter)


def trouble(one: Delivery, now: datetime = NOW, *, scale: float = 1, jitter: float = 0) -> Delivery:
    return delivery.troubled(one, now, scale=scale, jitter=jitter)


def test_the_schedule_is_the_standards_example() -> None:
    assert list(accumulate(SCHEDULE))[-1] == delivery.WHOLE == WHOLE
    assert len(SCHEDULE) == 10


def planned(answer: Answer, failures: int) -> float:
    floor = MINUTE if answer.status in {429, 502, 503, 504} or answer.code == "timeout" else 0
    return max(floor, (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)[failures - 1])


def run_of(answer: Answer, dice: Callable[[], float]) -> tuple[Delivery, list[float]]:
    """A delivery that always gets *answer*, by a clock that is always right; and its gaps."""
    one, now, gaps = row(), NOW, []
    while one.state is State.PENDING:
        assert one.wake_at == one.next_at == delivery.wanted(one)
        assert one.next_at is not None
        gaps.append((one.next_at - now).total_seconds())
        now = one.next_at
        one = fail(taken(one, now), answer, now, jitter=dice())
    return one, gaps


def test_each_of_many_failing_deliveries_has_its_ten_attempts_in_time() -> None:
    dice = random.Random(5)
    attempts: Counter[int] = Counter()
    for _ in range(MANY):
        one, (first, *gaps) = run_of(REFUSED, dice.random)
        attempts[len(one.attempts)] += 1
        assert (one.state, one.failed, one.next_at, one.wake_at) == ("exhausted", 10, None, None)
        assert first == 0
        for failures, gap in enumerate(gaps, start=1):
            assert planned(REFUSED, failures) <= gap <= 1.2 * planned(REFUSED, failures)
    assert attempts == {10: MANY}


@pytest.mark.parametrize(
    "answer",
    [
        *(Answer(status=status) for status in (429, 502, 503, 504)),
        Answer(code="timeout"),
        *(Answer(status=status) for status in (301, 400, 404, 500, 501, 505)),
        *(Answer(code=code) for code in ("dns_error", "tls_error", "target_not_allowed")),
    ],
    ids=str,
)
def test_every_failure_has_the_whole_schedule(answer: Answer) -> None:
    for jitter in (0.0, 0.5, 1.0):
        one, (first, *gaps) = run_of(answer, repeat(jitter).__next__)
        assert (len(one.attempts), first) == (10, 0)
        expected = [planned(answer, n) * (1 + 0.2 * jitter) for n in range(1, 10)]
        assert gaps == pytest.approx(expected, abs=1e-5)


RETRY_AFTER = [
    ("", 0),
    ("0", 0),
    ("120", 120),
    ("9" * 5000, math.inf),
    ("-1", 0),
    ("1.5", 0),
    ("1e3", 0),
    ("+5", 0),
    (" 5", 0),
    ("5\n", 0),
    ("0x10", 0),
    ("\uff15", 0),
    ("\u0665", 0),
    ("\u00b2", 0),
    ("soon", 0),
    ("nan", 0),
    ("NaN", 0),
    ("inf", 0),
    ("Infinity", 0),
    ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
    ("Friday, 02-Jan-26 03:05:05 GMT", 60),
    ("Fri Jan  2 03:05:05 2026", 60),
    ("Fri, 02 Jan 2026 03:05:05 +0100", 0),
    ("Fri, 02 Jan 2026 02:04:05 -0200", 3600),
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ("Fri, 02 Jan 2026 03:04:05 GMT", 0),
    ("Fri, 31 Dec 9999 23:59:59 GMT", (datetime.max.replace(tzinfo=UTC) - NOW) // timedelta(0, 1)),
    ("Fri, 31 Dec 99999 23:59:59 GMT", 0),
    ("Fri, 32 Jan 2026 03:05:05 GMT", 0),
]


@pytest.mark.parametrize(("value", "expected"), RETRY_AFTER)
def test_retry_after(value: str, expected: float) -> None:
    assert delivery.retry_after(value, NOW) == expected


@pytest.mark.parametrize(("value", "asked"), RETRY_AFTER)
@pytest.mark.parametrize("status", [500, 503])
def test_what_is_asked_for_counts_from_the_planned_delay_to_its_double(
    value: str, asked: float, status: int
) -> None:
    answer = Answer(status=status, retry_after=value)
    for failures, jitter in product(range(1, 10), (0.0, 0.7, 1.0)):
        d = planned(answer, failures)
        expected = d if asked < d else min(asked, 2 * d)
        pause = delivery.delay(failures, answer, NOW, scale=1, jitter=jitter)
        assert pause == pytest.approx(expected * (1 + 0.2 * jitter), rel=1e-12)


@given(
    failures=st.integers(1, 9),
    answer=answers,
    scale=st.floats(1e-6, 10),
    jitter=st.floats(0, 1),
)
def test_never_earlier_than_planned_or_asked_nor_much_later(
    failures: int, answer: Answer, scale: float, jitter: float
) -> None:
    d = scale * planned(answer, failures)
    asked = delivery.retry_after(answer.retry_after, NOW)
    pause = delivery.delay(failures, answer, NOW, scale=scale, jitter=jitter)
    assert min(max(d, asked), 2 * d) <= pause <= 2.4 * d * (1 + 1e-9)


@given(st.text())
def test_no_header_breaks_it(value: str) -> None:
    assert delivery.retry_after(value, NOW) >= 0


def test_a_start_has_a_lease_and_a_second_look() -> None:
    one = taken(row(wakes=3))
    assert one.live(NOW)
    assert one.live(later(29))
    assert not one.live(later(30))
    assert one.wake_at == one.lease_expires_at == later(30)
    assert (one.starts, one.holder, one.wakes, one.failed) == (1, "me", 0, 0)
    assert taken(one, later(30)).starts == 2


def test_a_failure_gives_the_lease_back_and_plans_the_next_attempt() -> None:
    one = fail(taken(row()), Answer(status=500, milliseconds=12, answer="no"))
    assert not one.live(NOW)
    assert (one.starts, one.holder, one.failed) == (0, "", 1)
    assert one.wake_at == one.next_at == later(5)
    (attempt,) = one.attempts
    assert (attempt.number, attempt.status, attempt.milliseconds) == (1, 500, 12)
    assert (attempt.answer, attempt.code, attempt.redelivery) == ("no", "", False)
    assert one.expire_at is None


def test_after_the_last_of_the_schedule_it_is_exhausted() -> None:
    one = row()
    for number in range(1, 11):
        assert (one.state, one.failed) == ("pending", number - 1)
        one = fail(taken(one))
    assert (one.state, one.failed, one.wake_at) == ("exhausted", 10, None)
    assert one.expire_at == NOW + timedelta(days=30)
    assert [attempt.number for attempt in one.attempts] == list(range(1, 11))


def test_who_has_gone_gets_no_more_until_the_endpoint_is_enabled() -> None:
    gone = fail(taken(fail(taken(row()))), Answer(status=410), later(9))
    assert (gone.state, gone.failed, gone.next_at, gone.wake_at) == (
        *("pending", 2),
        *[later(9)] * 2,
    )
    assert gone.attempts[-1].code == "gone"
    gone = delivery.held(gone)
    assert (gone.state, gone.failed, gone.next_at, gone.wake_at) == ("held", 2, None, None)
    assert gone.expire_at == gone.created_at + timedelta(days=30)
    assert delivery.wanted(gone) is None
    one = delivery.released(gone, later(HOUR))
    assert (one.state, one.failed, one.expire_at) == ("pending", 2, None)
    assert one.since == one.next_at == one.wake_at == later(HOUR)
    for _ in range(7):
        one = fail(taken(one))
        assert one.state is State.PENDING
    assert fail(taken(one)).state is State.EXHAUSTED


def test_the_last_answer_may_be_that_it_has_gone() -> None:
    assert fail(row(failed=9), Answer(status=410)).state is State.EXHAUSTED


@pytest.mark.parametrize("status", [410, 500, 503])
def test_what_is_tried_once_is_tried_once(status: int) -> None:
    one = fail(taken(row(once=True)), Answer(status=status))
    assert (one.state, one.next_at, one.wake_at) == ("exhausted", None, None)
    assert len(one.attempts) == 1


STATES = {
    "pending": row(failed=3, next_at=later(500), wake_at=NOW),
    "held": replace(delivery.held(row(failed=3)), wake_at=NOW),
    "exhausted": replace(fail(row(failed=9)), wake_at=NOW),
    "delivered": replace(delivery.succeeded(row(), REFUSED.attempt(row(), NOW), NOW), wake_at=NOW),
}


@pytest.mark.parametrize("answer", [REFUSED, Answer(status=410), Answer(code="timeout")], ids=str)
@pytest.mark.parametrize("state", STATES)
def test_a_failed_redelivery_changes_nothing_of_the_plan(state: str, answer: Answer) -> None:
    before = STATES[state]
    asked = taken(replace(before, redeliver_at=NOW))
    assert delivery.wanted(asked) == NOW
    after = fail(asked, answer)
    assert after.attempts[-1].redelivery
    assert len(after.attempts) == len(before.attempts) + 1
    assert after.wake_at == after.next_at
    assert replace(after, attempts=before.attempts, wake_at=before.wake_at) == before


@pytest.mark.parametrize("state", STATES)
def test_a_redelivery_that_arrives_ends_it(state: str) -> None:
    asked = taken(replace(STATES[state], redeliver_at=NOW))
    answer = Answer(status=200)
    one = delivery.succeeded(asked, answer.attempt(asked, NOW), NOW)
    assert (one.state, one.next_at, one.redeliver_at, one.wake_at) == ("delivered", *[None] * 3)
    assert one.attempts[-1].redelivery
    assert one.expire_at == NOW + timedelta(days=30)
    assert not one.live(NOW)


def test_a_redelivery_does_not_keep_it_for_longer() -> None:
    expires = later(HOUR)
    one = row(state=State.EXHAUSTED, next_at=None, redeliver_at=NOW, expire_at=expires)
    attempt = Answer(status=200).attempt(taken(one), NOW)
    assert delivery.succeeded(taken(one), attempt, later(1)).expire_at == expires


def test_a_success_ends_it() -> None:
    answer = Answer(status=204)
    one = delivery.succeeded(taken(row()), answer.attempt(row(), NOW), later(2))
    assert (one.state, one.wake_at, one.holder) == ("delivered", None, "")
    assert one.expire_at == later(2) + timedelta(days=30)


def test_trouble_of_ours_uses_up_no_attempt() -> None:
    one, pauses, now = row(), [], NOW
    for _ in range(9):
        one = trouble(taken(one, now), now)
        assert (one.state, one.failed, one.starts, one.attempts) == ("pending", 0, 0, ())
        assert one.wake_at == one.next_at
        assert one.wake_at is not None
        assert not one.live(now)
        pauses.append((one.wake_at - now).total_seconds())
        now = one.wake_at
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert fail(taken(one, now), now=now).troubles == 0


def test_a_start_that_came_to_nothing_counts_through_trouble() -> None:
    died = taken(row())
    before = trouble(died, later(40))  # its lease is over, and no new one was taken
    assert (before.starts, before.holder) == (1, "")
    after = trouble(taken(before, later(100)), later(101))
    assert (after.starts, after.failed, after.attempts) == (1, 0, ())
    assert fail(taken(after, later(500))).starts == 0


@given(troubles=st.integers(0, 10**4), jitter=st.floats(0, 1), scale=st.floats(0.01, 1))
def test_trouble_is_looked_at_again_within_an_hour(
    troubles: int, jitter: float, scale: float
) -> None:
    at = trouble(row(troubles=troubles), scale=scale, jitter=jitter).wake_at
    assert at is not None
    pause = (at - NOW).total_seconds() / scale
    assert MINUTE * 0.999 <= pause <= HOUR * 1.001
    if troubles >= 6:
        assert pause >= HOUR * 0.999


def test_trouble_ends_with_the_whole_time_of_the_schedule() -> None:
    long = row(troubles=delivery.LAST_TROUBLES)
    assert trouble(long, later(WHOLE - 1)).state is State.PENDING
    over = trouble(long, later(WHOLE))
    assert (over.state, over.failed, over.wake_at, over.next_at) == ("exhausted", 0, None, None)
    assert trouble(long, later(WHOLE / 10), scale=0.1).state is State.EXHAUSTED
    since = replace(long, since=later(HOUR))
    assert trouble(since, later(WHOLE)).state is State.PENDING
    one, now, looks = row(), NOW, 0
    while one.state is State.PENDING:
        one, looks = trouble(taken(one, now), now), looks + 1
        now = one.wake_at or now
    assert looks in range(80, 90)
    assert one.attempts == ()


@pytest.mark.parametrize("state", STATES)
def test_trouble_with_a_redelivery_ends_only_the_redelivery(state: str) -> None:
    before = STATES[state]
    asked = replace(before, redeliver_at=later(10))
    waiting = trouble(taken(asked, later(20)), later(20))
    assert (waiting.state, waiting.redeliver_at) == (before.state, later(10))
    assert waiting.wake_at == later(80)
    over = trouble(replace(waiting, troubles=delivery.LAST_TROUBLES), later(10 + WHOLE))
    assert over.wake_at == over.next_at
    assert replace(over, troubles=0, redelivering=False, wake_at=before.wake_at) == before


def test_the_last_attempt_is_not_lost_to_a_short_trouble() -> None:
    last, now = row(failed=9), later(WHOLE * 1.2)
    for _ in range(delivery.LAST_TROUBLES):
        last = trouble(last, now)
        assert last.state is State.PENDING
        now = last.wake_at or now
    assert (now - later(WHOLE * 1.2)).total_seconds() >= HOUR
    assert trouble(last, now).state is State.EXHAUSTED


def test_a_redelivery_asked_for_meanwhile_survives_the_end_of_another_attempt() -> None:
    asked = replace(taken(row()), redeliver_at=later(40))
    closed = fail(asked, now=later(41))
    assert [a.redelivery for a in closed.attempts] == [False]
    assert (closed.failed, closed.redeliver_at, closed.wake_at) == (1, later(40), later(40))


@pytest.mark.parametrize("last", [{"failed": 9}, {"once": True}], ids=str)
def test_a_redelivery_asked_for_meanwhile_survives_the_end_of_the_last_attempt(
    last: dict[str, Any],
) -> None:
    asked = replace(taken(row(**last)), redeliver_at=later(40))
    over = fail(asked, now=later(41))
    assert (over.state, over.next_at) == (State.EXHAUSTED, None)
    assert over.redeliver_at == over.wake_at == later(40)
    done = fail(taken(over, later(42)), now=later(43))
    assert [a.redelivery for a in done.attempts] == [False, True]
    assert (done.state, done.redeliver_at, done.wake_at) == (State.EXHAUSTED, None, None)
    assert done.expire_at == over.expire_at


def test_what_finds_no_place_is_looked_at_later_and_later() -> None:
    one, pauses = row(), []
    for _ in range(8):
        one = delivery.moved_on(one, NOW, Timing())
        assert one.wake_at is not None
        pauses.append((one.wake_at - NOW).total_seconds())
    assert pauses == [30, 60, 120, 240, 480, 960, 1200, 1200]
    assert delivery.wanted(one) == NOW
    assert delivery.moved_on(row(wakes=10**6), NOW, Timing()).wake_at == later(1200)
    assert taken(one).wakes == 0


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_accepted(status: int) -> None:
    assert Answer(status=status).accepted


@pytest.mark.parametrize("status", [0, 101, 199, 300, 301, 304, 308, 400, 410, 500])
def test_nothing_else_is(status: int) -> None:
    assert not Answer(status=status).accepted


def test_only_a_name_server_of_ours_is_our_trouble() -> None:
    codes = "timeout dns_error dns_unavailable connection_refused tls_error target_not_allowed"
    assert [code for code in codes.split() if Answer(code=code).trouble] == ["dns_unavailable"]
