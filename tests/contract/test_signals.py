"""What operators are told, and when: after the commit, once, with the figures of the document."""

import logging
from datetime import timedelta
from typing import Any

import pytest

from services.generator.model import QuotaExceeded
from shared.sweep import sweep
from shared.timing import Timing
from shared.track import TRACKS
from tests.support.bench import Bench, Script, tone
from tests.support.tracks import asked

pytestmark = pytest.mark.emulators


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def told(caplog: pytest.LogCaptureFixture, message: str, *names: str) -> list[tuple[Any, ...]]:
    """These fields of each such line."""
    records = [vars(r) for r in caplog.records if r.getMessage() == message]
    return [tuple(record[name] for name in names) for record in records]


def test_a_track_is_told_when_it_is_accepted_and_when_it_has_ended(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = bench.tracks.submit(asked("key", duration_seconds=1, style="jazz"))
    bench.tracks.submit(asked("key", duration_seconds=1, style="jazz"))
    assert told(caplog, "track submitted", "clips", "quote_usd", "style") == [(1, 0.06, "jazz")]

    ended = bench.push(bench.generator(Script(tone(33))), first.request_id)

    assert ended.ended_at is not None
    names = ("status", "code", "clips", "provider_calls", "billed_usd", "seconds")
    seconds = round((ended.ended_at - first.created_at).total_seconds(), 3)
    assert told(caplog, "track ended", *names) == [("completed", "", 1, 1, 0.06, seconds)]
    assert told(caplog, "model called", "outcome", "code") == [("stored", "")]


def test_a_parked_track_is_told_with_the_reason(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    track, _ = bench.tracks.submit(asked(duration_seconds=1))

    bench.push(bench.generator(Script(QuotaExceeded("x", 5))), track.request_id)

    assert told(caplog, "parked", "park", "code") == [("quota", "model_quota")]
    assert told(caplog, "model called", "outcome", "code") == [("quota", "model_quota")]
    assert told(caplog, "track ended") == []


def test_a_cancel_is_told_as_an_ending(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    track, _ = bench.tracks.submit(asked())

    bench.tracks.cancel("local", track.request_id)
    bench.tracks.cancel("local", track.request_id)

    assert told(caplog, "track ended", "status", "code") == [("cancelled", "cancelled")]


def test_a_pass_of_the_sweeper_says_how_late_it_found_the_oldest(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("collection", "woken", "oldest_seconds")
    sweep(bench.store, TRACKS, lambda _: None, Timing(sweep=20))
    assert told(caplog, "swept", *names) == [("tracks", 0, 0.0)]
    caplog.clear()
    track, _ = bench.tracks.submit(asked())
    now = bench.store.clock.now()
    bench.change(track.request_id, wake_at=now - timedelta(seconds=100))

    def wake(_: Any) -> None:
        bench.change(track.request_id, wake_at=now + timedelta(hours=1))

    sweep(bench.store, TRACKS, wake, Timing(sweep=20))

    ((collection, woken, oldest),) = told(caplog, "swept", *names)
    assert (collection, woken) == ("tracks", 1)
    assert oldest >= 100
