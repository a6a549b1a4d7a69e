from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifier.health import after_failure, after_success
from shared.webhooks import Endpoint

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def endpoint(**changes: Any) -> Endpoint:
    fields: dict[str, Any] = {
        "endpoint_id": "ep_x",
        "tenant": "local",
        "url": "https://h.example/",
        "created_at": NOW,
    }
    return Endpoint(**(fields | changes))


def fail(one: Endpoint, now: datetime, *, gone: bool = False, scale: float = 1) -> Endpoint:
    return after_failure(one, now, gone=gone, scale=scale)


def test_five_days_of_failures_disable_it() -> None:
    one = fail(endpoint(), NOW)
    assert (one.failing_since, one.disabled_at, one.reason) == (NOW, None, "")
    assert fail(one, NOW + HOUR - timedelta(seconds=1)) == one, "no news"
    for hours in range(1, 120):
        one = fail(one, NOW + hours * HOUR)
        assert (one.failing_since, one.failed_at) == (NOW, NOW + hours * HOUR)
    assert fail(one, NOW + 5 * DAY - timedelta(seconds=1)).disabled_at is None
    late = fail(one, NOW + 5 * DAY)
    assert (late.failing_since, late.disabled_at, late.reason) == (NOW, NOW + 5 * DAY, "failing")
    half = fail(fail(endpoint(), NOW, scale=0.2), NOW + DAY / 2, scale=0.2)
    assert fail(half, NOW + DAY, scale=0.2).disabled_at == NOW + DAY


def test_a_failure_long_after_the_last_one_begins_anew() -> None:
    one = fail(endpoint(), NOW)
    rare = fail(one, NOW + 30 * DAY)
    assert (rare.failing_since, rare.disabled_at) == (NOW + 30 * DAY, None)
    schedule = fail(one, NOW + timedelta(hours=24 * 2 * 1.2))
    assert schedule.failing_since == NOW, "the longest gap of the schedule is no rest"


def test_one_success_forgets_all_that_has_failed() -> None:
    one = fail(endpoint(), NOW)
    well = after_success(one, NOW + 4 * DAY)
    assert (well.failing_since, well.succeeded_at) == (None, NOW + 4 * DAY)
    again = fail(well, NOW + 4 * DAY + HOUR)
    assert again.failing_since == NOW + 4 * DAY + HOUR
    assert fail(again, NOW + 8 * DAY).disabled_at is None


@pytest.mark.parametrize("failing_since", [None, NOW - DAY])
def test_who_has_gone_is_disabled_at_once(failing_since: datetime | None) -> None:
    one = fail(endpoint(failing_since=failing_since), NOW, gone=True)
    assert (one.disabled_at, one.reason) == (NOW, "gone")
    assert one.failing_since == (failing_since or NOW)


@pytest.mark.parametrize("gone", [False, True])
def test_what_is_disabled_stays_as_it_is(gone: bool) -> None:
    one = endpoint(disabled_at=NOW, reason="failing", failing_since=NOW - 5 * DAY)
    assert fail(one, NOW + 9 * DAY, gone=gone) == one
    well = after_success(one, NOW + DAY)
    assert (well.disabled_at, well.reason) == (NOW, "failing")


def test_a_success_is_noted_once_an_hour() -> None:
    one = after_success(endpoint(), NOW)
    assert one.succeeded_at == NOW
    assert after_success(one, NOW + HOUR - timedelta(seconds=1)) == one
    assert after_success(one, NOW + HOUR).succeeded_at == NOW + HOUR
    failing = replace(one, failing_since=NOW)
    assert after_success(failing, NOW + timedelta(seconds=1)).failing_since is None


def test_an_enabled_endpoint_begins_anew_and_is_still_looked_at() -> None:
    enabled = endpoint(wake_at=NOW)
    assert fail(enabled, NOW).wake_at == NOW
    assert after_success(enabled, NOW).wake_at == NOW
