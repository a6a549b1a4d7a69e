"""Reckoning of endings: sensible for every line and every past, and right about a known world."""

import random
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.clips import AT_ONCE
from services.ingest.tracks import eta
from services.ingest.tracks.eta import Line, Past
from shared.clock import seconds
from shared.messages import TrackRequest
from shared.track import Promise, Status, UsageRow
from tests.support.rules import START

QUOTA = 10.0


def request(length: float = 20.0) -> TrackRequest:
    return TrackRequest(prompt="warm strings", duration_seconds=length)


def row(
    *,
    queued: float = 0.0,
    waited: float = 0.0,
    run: float = 20.0,
    reckoned: float = 20.0,
    clips: int = 1,
    **changes: Any,
) -> UsageRow:
    """A run that was queued *queued* seconds after the beginning of the test's world."""
    begun = START + seconds(queued + waited)
    given: dict[str, Any] = {
        "request_id": "r",
        "tenant": "local",
        "run": 1,
        "status": Status.COMPLETED,
        "model": "lyria-002",
        "provider_calls": clips,
        "billed_usd": 0.06,
        "ended_at": begun + seconds(run),
        "clips": clips,
        "queued_at": START + seconds(queued),
        "started_at": begun,
        "called_at": begun,
        "reckoned": reckoned,
    }
    return UsageRow(**(given | changes))


def promised(
    *,
    line: Line | None = None,
    past: Past | None = None,
    before: int = 0,
    length: float = 20.0,
) -> Promise:
    return eta.promised(
        request(length),
        START,
        position=before,
        before=before,
        line=line or Line(),
        past=past or Past(),
        per_minute=QUOTA,
    )


def after(moment: datetime) -> float:
    return (moment - START).total_seconds()


rows = st.builds(
    row,
    queued=st.floats(0, 1e5),
    waited=st.floats(0, 1e4),
    run=st.floats(0.01, 1e4),
    reckoned=st.floats(0, 1e4),
    clips=st.integers(1, 10),
)
pasts = st.builds(Past, st.lists(rows, max_size=60))
lines = st.builds(
    Line,
    tracks=st.integers(0, 10_000),
    clips=st.integers(0, 10_000),
    running=st.integers(0, 100),
    tokens=st.floats(0, 200),
)


def test_without_a_look_a_clip_takes_its_share_of_the_quota_and_a_run_half_a_minute() -> None:
    """A further clip lengthens the run by 3 s."""
    told = [after(eta.prior(request(s), START).p50) for s in (1, 32, 33, 120, 300)]
    assert told == pytest.approx([36, 36, 45, 63, 117])


@given(lines, pasts, st.integers(0, 10_000), st.floats(1, 300))
def test_a_promise_lies_ahead_and_p90_behind_p50(
    line: Line, past: Past, before: int, length: float
) -> None:
    promise = promised(line=line, past=past, before=before, length=length)
    assert START < promise.p50 <= promise.p90


@given(lines, pasts, st.lists(st.integers(0, 10_000), min_size=2))
def test_more_before_it_never_makes_a_reckoning_shorter(
    line: Line, past: Past, befores: list[int]
) -> None:
    reckoned = [promised(line=line, past=past, before=n).reckoned for n in sorted(befores)]
    assert reckoned == sorted(reckoned)


@given(lines)
def test_who_stands_further_back_waits_for_more(line: Line) -> None:
    before = [line.before(position) for position in range(0, line.tracks + 2, 97)]
    assert before == sorted(before)
    assert line.before(line.tracks) == (line.needed if line.tracks else line.running)


@pytest.mark.parametrize(("tokens", "wait"), [(0.0, 24.0), (2.0, 12.0), (4.0, 0.0), (9.0, 0.0)])
def test_tokens_that_are_there_are_not_waited_for(tokens: float, wait: float) -> None:
    line = Line(tokens=tokens)
    assert eta.waiting(0, 4, line, Past(), QUOTA) == wait


def test_nobody_waits_for_a_pace_that_was_never_needed() -> None:
    apart = [row(queued=100 * n, waited=0.5) for n in range(50)]
    assert eta.pace(apart) is None


def test_a_line_that_is_slower_than_the_quota_is_waited_for() -> None:
    """All queued at once, one begun every 30 s: a fifth of the quota's pace."""
    past = Past([row(waited=30.0 * n) for n in range(20)])
    assert past.pace == pytest.approx(1 / 30)
    assert eta.waiting(10, 1, Line(), past, QUOTA) == pytest.approx(300)
    assert eta.waiting(10, 1, Line(), Past(), QUOTA) == pytest.approx(66)


def test_a_track_of_many_clips_stands_in_line_again() -> None:
    waits = [eta.waiting(20, own, Line(), Past(), QUOTA) for own in range(1, 11)]
    extra = [later - earlier for earlier, later in pairwise(waits)]
    assert all(more > 60 / QUOTA for more in extra)
    assert eta.waiting(0, 3, Line(), Past(), QUOTA) == pytest.approx(3 * 60 / QUOTA)


def test_a_run_is_the_median_of_those_before_it() -> None:
    past = Past([row(run=run) for run in (10, 11, 12, 13, 100)])
    assert past.run(1) == 12


def test_a_run_that_goes_on_is_measured_by_those_that_took_as_long() -> None:
    past = Past([row(run=float(run)) for run in range(10, 30)])
    assert past.run(1, 0.5, 25) == pytest.approx(3)  # of 26, 27, 28, 29, and of one to come
    assert past.run(1, 0.9, 25) == pytest.approx(4)


@given(pasts, st.integers(1, 10), st.floats(0, 1e6))
def test_a_run_that_has_outlived_all_others_still_gets_time(
    past: Past, own: int, elapsed: float
) -> None:
    median, late = past.run(own, 0.5, elapsed), past.run(own, 0.9, elapsed)
    assert 0 < median <= late


def test_short_runs_say_nothing_about_long_ones() -> None:
    short = [row(run=20.0) for _ in range(100)]
    long = [row(run=50.0, clips=10) for _ in range(50)]
    for rows in (short + long, long + short):
        assert Past(rows).run(1) == 20.0
        assert Past(rows).run(10) == 50.0


def test_a_run_longer_than_any_that_was_measured_is_reckoned_from_the_longest() -> None:
    """A clip more is a tenth of a run of one more."""
    short = Past([row(run=20.0) for _ in range(100)])
    assert [short.run(own) for own in (1, 2, 5, 10)] == pytest.approx([20, 22, 28, 38])
    four = Past([row(run=26.0, clips=4) for _ in range(100)])
    assert [four.run(own) for own in (1, 4, 10)] == pytest.approx([20, 26, 38])


def test_of_runs_that_are_equally_like_it_the_newest_count() -> None:
    rows = [row(queued=100.0 * n, run=20.0 if n < 100 else 40.0) for n in range(140)]
    assert Past(rows).run(1, 0.1) == Past(rows[::-1]).run(1, 0.1) == 40.0


def test_a_few_long_runs_do_not_lengthen_the_short_ones() -> None:
    past = Past([*(row(run=300.0, clips=10) for _ in range(40)), *(row() for _ in range(40))])
    assert past.run(1, 0.9) == 20.0


def test_a_running_track_of_many_clips_is_measured_by_its_like() -> None:
    rows = [row(run=20.0) for _ in range(60)] + [row(run=60.0, clips=10) for _ in range(60)]
    assert Past(rows).run(10, 0.5, 30.0) == pytest.approx(30)


def test_calls_that_follow_others_of_their_track_are_waited_for() -> None:
    """Four go side by side, however many tokens are there."""
    past, line = Past([row(run=20.0) for _ in range(50)]), Line(tokens=100.0)
    waits = [eta.waiting(0, own, line, past, QUOTA) for own in range(1, 11)]
    assert waits == pytest.approx([0.0] * 4 + [14.0] * 4 + [28.0] * 2)


def test_as_many_calls_are_reckoned_side_by_side_as_are_made() -> None:
    assert eta.AT_ONCE == AT_ONCE


def test_reckonings_that_were_too_short_make_the_next_longer() -> None:
    """Each took twice as long as it was reckoned; the prior's few say otherwise."""
    past = Past([row(run=40.0, reckoned=20.0) for _ in range(50)])
    assert past.run(1) == 40.0
    assert past.trusted(0.0, 1) == pytest.approx((80.0, 80.0))


def test_short_reckonings_say_nothing_about_long_ones() -> None:
    short = [row(run=20.0, reckoned=10.0) for _ in range(50)]
    long = [row(waited=580.0, run=20.0, reckoned=600.0) for _ in range(50)]
    past = Past(short + long)
    assert past.trusted(0.0, 1)[0] == pytest.approx(40.0)
    assert past.trusted(580.0, 1)[0] == pytest.approx(600.0)


def test_reckonings_of_few_clips_say_little_about_those_of_many() -> None:
    """Both were reckoned alike; those of many clips took three times as long."""
    few = [row(run=60.0, reckoned=60.0) for _ in range(100)]
    many = [row(run=60.0, waited=120.0, reckoned=60.0, clips=8) for _ in range(50)]
    past = Past(few + many)
    assert past.trusted(0.0, 1)[0] == pytest.approx(60.0)
    assert past.trusted(0.0, 8)[0] == pytest.approx(180.0)


def test_a_long_track_is_promised_its_own_run_after_short_ones_only() -> None:
    """The run takes a tenth of the short ones' longer for each clip, as in the test's world."""
    past = Past([row(queued=100.0 * n, run=20.0 + n % 5, reckoned=22.0) for n in range(100)])
    told = promised(past=past, line=Line(tokens=20.0), length=300.0)
    assert told.reckoned == pytest.approx(2 * 0.7 * 22.0 + 1.9 * 22.0)
    assert after(told.p90) > told.reckoned


def test_who_stands_in_line_is_promised_less_surely() -> None:
    told = [Past().trusted(wait, 1) for wait in (0.0, 300.0)]
    spread = [most / half for half, most in told]
    assert spread[0] < spread[1]


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_quantile_keeps_its_word_about_the_next(share: float) -> None:
    """The next of like values stays below it as often as it says, whatever they are like."""
    chance = random.Random(1)
    kept = 0
    for _ in range(4000):
        values = sorted(chance.lognormvariate(0, 1) for _ in range(40))
        kept += chance.lognormvariate(0, 1) <= eta.quantile(values, share)
    assert kept / 4000 == pytest.approx(share, abs=0.03)


def test_a_quantile_grows_with_its_share() -> None:
    values = [float(n) for n in range(30)]
    told = [eta.quantile(values, share / 10) for share in range(1, 10)]
    assert all(low <= high for low, high in pairwise(told))
    assert eta.quantile([5.0], 0.9) == 5.0


def test_rows_from_before_there_were_estimates_teach_nothing() -> None:
    old = [
        row(queued_at=None, started_at=None, called_at=None, reckoned=0.0, clips=0)
        for _ in range(50)
    ]
    assert promised(past=Past(old)) == promised()


def test_a_promise_is_given_from_now_on() -> None:
    later = START + timedelta(days=3)
    assert eta.prior(request(), later).p50 - later == eta.prior(request(), START).p50 - START
