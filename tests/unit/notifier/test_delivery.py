import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier import delivery
from services.notifier.delivery import SCHEDULE, Answer
from shared.timing import Timing
from shared.track import Delivery

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MINUTE, HOUR = 60, 3600

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


def row(**changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "event_id": "r:1:completed",
        "request_id": "r",
        "tenant": "local",
        "webhook_id": "msg_x",
        "url": "https://h.example/",
        "body": b"{}",
        "created_at": NOW,
        "wake_at": NOW,
    }
    return Delivery(**(fields | changes))


def fail(one: Delivery, answer: Answer, *, scale: float = 1, jitter: float = 0) -> Delivery:
    return delivery.failed(
        one, answer.attempt(one.failed + 1, NOW), answer, NOW, scale=scale, jitter=jitter
    )


def test_the_schedule_is_the_standards_example() -> None:
    assert list(accumulate(SCHEDULE))[-1] == 75 * HOUR + 35 * MINUTE + 5
    assert len(SCHEDULE) == 10


@pytest.mark.parametrize(
    ("failures", "answer", "expected"),
    [
        (1, Answer(status=500), 5),
        (2, Answer(status=500), 5 * MINUTE),
        (9, Answer(status=404), 24 * HOUR),
        (1, Answer(status=429), MINUTE),
        (1, Answer(status=502), MINUTE),
        (1, Answer(status=503), MINUTE),
        (1, Answer(status=504), MINUTE),
        (1, Answer(code="timeout"), MINUTE),
        (1, Answer(code="connection_refused"), 5),
        (2, Answer(status=503), 5 * MINUTE),
        (1, Answer(status=500, retry_after="7"), 7),
        (1, Answer(status=500, retry_after="1"), 5),
        (1, Answer(status=500, retry_after="3600"), 10),
        (1, Answer(status=429, retry_after="90"), 90),
        (1, Answer(status=429, retry_after="99999999999999999999"), 120),
        (1, Answer(status=503, retry_after="Fri, 02 Jan 2026 03:05:45 GMT"), 100),
        (1, Answer(status=503, retry_after="Fri, 02 Jan 2026 03:04:06 GMT"), 60),
    ],
)
def test_the_planned_delay(failures: int, answer: Answer, expected: float) -> None:
    assert delivery.delay(failures, answer, NOW, scale=1, jitter=0) == expected
    assert delivery.delay(failures, answer, NOW, scale=1, jitter=1) == pytest.approx(1.2 * expected)


@given(
    failures=st.integers(1, 9),
    answer=answers,
    scale=st.floats(1e-6, 10),
    jitter=st.floats(0, 1),
)
def test_never_earlier_than_planned_or_asked_nor_much_later(
    failures: int, answer: Answer, scale: float, jitter: float
) -> None:
    planned = scale * max(SCHEDULE[failures], 60 if answer.throttled else 0)
    asked = delivery.retry_after(answer.retry_after, NOW)
    pause = delivery.delay(failures, answer, NOW, scale=scale, jitter=jitter)
    assert min(max(planned, asked), 2 * planned) <= pause <= 2.4 * planned * (1 + 1e-9)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", 0),
        ("0", 0),
        ("120", 120),
        ("9" * 5000, math.inf),
        ("-1", 0),
        ("1.5", 0),
        ("1e3", 0),
        ("+5", 0),
        (" 5", 0),
        ("\uff15", 0),
        ("soon", 0),
        ("nan", 0),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
        ("Friday, 02-Jan-26 03:05:05 GMT", 60),
        ("Fri Jan  2 03:05:05 2026", 60),
        ("Fri, 02 Jan 2026 03:05:05 +0100", 0),
        ("Fri, 02 Jan 2026 02:04:05 -0200", 3600),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", 0),
        ("Fri, 32 Jan 2026 03:05:05 GMT", 0),
    ],
)
def test_retry_after(value: str, expected: float) -> None:
    assert delivery.retry_after(value, NOW) == expected


@given(st.text())
def test_no_header_breaks_it(value: str) -> None:
    assert delivery.retry_after(value, NOW) >= 0


def test_after_the_last_of_the_schedule_it_is_exhausted() -> None:
    one = row()
    for number in range(1, 11):
        assert (one.state, one.failed) == ("pending", number - 1)
        one = fail(delivery.taken(one, "me", NOW, Timing()), Answer(status=500))
    assert (one.state, one.failed, one.wake_at) == ("exhausted", 10, None)
    assert one.expire_at == NOW + timedelta(days=30)
    assert [attempt.number for attempt in one.attempts] == list(range(1, 11))


@pytest.mark.parametrize(
    ("answer", "code"),
    [(Answer(status=410), "gone"), (Answer(code="target_not_allowed"), "target_not_allowed")],
)
def test_some_answers_are_the_last_word(answer: Answer, code: str) -> None:
    one = fail(row(), answer)
    assert (one.state, one.wake_at) == ("exhausted", None)
    assert one.attempts[-1].code == code


def test_a_failure_gives_the_lease_back_and_plans_the_next_attempt() -> None:
    taken = delivery.taken(row(), "me", NOW, Timing())
    assert delivery.live(taken, NOW)
    assert taken.wake_at == taken.lease_expires_at == NOW + timedelta(seconds=30)
    one = fail(taken, Answer(status=500, milliseconds=12))
    assert not delivery.live(one, NOW)
    assert (one.starts, one.holder, one.wake_at) == (0, "", NOW + timedelta(seconds=5))
    assert (one.attempts[0].status, one.attempts[0].milliseconds) == (500, 12)
    assert one.expire_at is None


@pytest.mark.parametrize("state", ["pending", "exhausted"])
def test_a_success_ends_it_from_any_state(state: str) -> None:
    answer = Answer(status=204)
    one = delivery.succeeded(replace(row(), state=state), answer.attempt(1, NOW), NOW)
    assert (one.state, one.wake_at) == ("delivered", None)
    assert one.expire_at == NOW + timedelta(days=30)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_accepted(status: int) -> None:
    assert Answer(status=status).accepted


@pytest.mark.parametrize("status", [0, 101, 199, 300, 301, 304, 308, 400, 410, 500])
def test_nothing_else_is(status: int) -> None:
    assert not Answer(status=status).accepted
