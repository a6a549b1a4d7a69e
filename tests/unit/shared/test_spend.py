from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.retrying import retried
from shared.spend import Run, day_of
from shared.track import NO_DEBIT, Debit, Status, Track
from tests.support.rules import START, TIMING, ending, new

DEBIT = Debit(day="2026-01-02", quote=60_000, capped=True)
TRACK = replace(new(), run_nonce="n", debit=DEBIT)
RETRIED = retried(ending(TRACK, Status.FAILED, START), "m", START, TIMING)


@pytest.mark.parametrize(
    ("track", "number", "nonce", "there"),
    [
        (None, 1, "n", False),
        (TRACK, 1, "n", True),
        (TRACK, 1, "other", False),
        (TRACK, 2, "m", False),
        (RETRIED, 2, "m", True),
        (RETRIED, 2, "other", False),
        (RETRIED, 1, "n", True),
        (replace(TRACK, erased=True, run_nonce=""), 1, "n", True),
    ],
)
def test_whether_a_run_was_committed(
    track: Track | None, number: int, nonce: str, there: bool
) -> None:
    assert Run(request_id="r1", number=number, nonce=nonce).may_be_in(track) is there


def test_what_goes_back() -> None:
    assert [DEBIT.credit(billed) for billed in (0, 20_000, 60_000, 90_000)] == [
        *(60_000, 40_000, 0, 0)
    ]
    assert replace(DEBIT, capped=False).credit(0) == 0
    assert NO_DEBIT.credit(0) == 0


def test_a_retry_without_a_debit_has_none() -> None:
    assert RETRIED.debit == NO_DEBIT


def test_the_quote_is_the_one_that_was_told() -> None:
    assert TRACK.quote_usd == 0.06
    assert replace(TRACK, debit=replace(DEBIT, quote=70_000)).quote_usd == 0.07
    assert new().quote_usd == 0.06, "from before quotes were kept"


def test_a_day_is_one_of_utc() -> None:
    late = datetime(2026, 1, 2, 23, 59, 59, tzinfo=UTC)
    assert day_of(late) == "2026-01-02"
    assert day_of(late.astimezone(timezone(timedelta(hours=9)))) == "2026-01-02"
