from datetime import UTC, datetime
from itertools import pairwise
from math import inf

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.bucket import MEMORY, UNIT, Level, Spends, block, millionths
from shared.clock import seconds

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AMOUNTS = st.integers(1, 10**12)
RATES = st.floats(0, 1000)
NONE = [0, -1, 1e-9, inf, -inf, float("nan")]


@given(AMOUNTS, AMOUNTS, st.lists(st.floats(-100, 100), max_size=20), RATES)
def test_a_bucket_fills_with_the_time_and_never_above_its_depth(
    depth: int, start: int, steps: list[float], rate: float
) -> None:
    level = Level(left=min(start, depth), at=START)
    now = START
    for step in steps:
        now += seconds(step)
        later = level.filled(now, depth, rate)
        assert level.left <= later.left <= depth
        assert later.at == max(level.at, now)
        level = later
    flowed = (level.at - START).total_seconds() * rate * UNIT
    assert level.left <= min(start, depth) + flowed * (1 + 1e-12)
    assert level.left == depth or level.left >= min(start, depth) + flowed - 1 - len(steps)


def test_it_fills_at_its_rate() -> None:
    empty = Level(left=0, at=START)
    assert empty.filled(START + seconds(6), 2 * UNIT, 10 / 60).left == UNIT
    assert empty.filled(START + seconds(5.999), 2 * UNIT, 10 / 60).left == 999_833
    assert empty.filled(START + seconds(3600), 2 * UNIT, 10 / 60).left == 2 * UNIT


def test_a_clock_that_runs_backwards_adds_and_loses_nothing() -> None:
    level = Level(left=5, at=START)
    back = level.filled(START - seconds(3600), 100 * UNIT, 1.0)
    assert back == level
    assert back.filled(START + seconds(1), 100 * UNIT, 1.0).left == 5 + UNIT


def test_a_bucket_that_has_become_smaller_overflows() -> None:
    level = Level(left=9 * UNIT, at=START)
    assert level.filled(START, 2 * UNIT, 0.0).left == 2 * UNIT
    assert level.written("x", UNIT, 2 * UNIT).left == 2 * UNIT


@given(AMOUNTS, st.integers(0, 10**12), AMOUNTS)
@example(1, 100, 1000)
def test_a_block_is_what_is_missing_or_a_modest_share(missing: int, spent: int, there: int) -> None:
    size = block(missing, spent, there)
    assert size >= missing
    assert size == missing or (size <= spent and size * 10 <= there)
    assert size >= min(spent, there // 10)


def test_what_was_spent_is_forgotten_after_ten_seconds() -> None:
    spends = Spends()
    for second in range(30):
        spends.add(START + seconds(second), second)
    assert spends.recent(START + seconds(29)) == sum(range(20, 30))
    assert spends.recent(START + seconds(38.9)) == 29
    assert spends.recent(START + seconds(39)) == 0


def test_what_was_forgotten_takes_no_room() -> None:
    spends = Spends()
    for second in range(1000):
        spends.add(START + seconds(second), 1)
    assert len(spends._spends) == 10


@pytest.mark.parametrize("amount", NONE)
def test_what_is_no_amount_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match="amount"):
        millionths(amount)


def test_amounts_are_rounded_to_millionths() -> None:
    assert [millionths(x) for x in (1, 0.06, 0.29, 1e-6, 7e-7)] == [UNIT, 60_000, 290_000, 1, 1]


def test_writers_are_remembered_in_order_and_not_for_ever() -> None:
    level = Level(left=0, at=START)
    assert (level.newest, level.tells_all_since("")) == ("", True)
    levels = [level := level.written(str(i), 1, UNIT) for i in range(MEMORY + 5)]
    assert all(a.left + 1 == b.left for a, b in pairwise(levels))
    assert [one.newest for one in levels] == [str(i) for i in range(MEMORY + 5)]
    assert max(len(one.writers) for one in levels) == MEMORY
    assert [levels[i].tells_all_since("0") for i in (0, MEMORY - 1, MEMORY)] == [True, True, False]
    assert [levels[i].tells_all_since("") for i in (MEMORY - 2, MEMORY - 1)] == [True, False]


@given(AMOUNTS, st.lists(AMOUNTS, max_size=5), AMOUNTS)
def test_a_budget_of_another_size_has_as_much_used(depth: int, sizes: list[int], used: int) -> None:
    level = Level(left=depth - used, at=START, depth=depth)
    for size in sizes:
        level = level.resized(size)
        assert (level.left, level.depth) == (size - used, size)


def test_a_level_from_before_depths_were_kept_has_the_present_one() -> None:
    assert Level(left=5, at=START).resized(9) == Level(left=5, at=START, depth=9)


@given(AMOUNTS, st.lists(st.integers(0, 10**6), max_size=9))
def test_each_credit_counts_once(used: int, totals: list[int]) -> None:
    depth = 10**13
    level = Level(left=depth - used, at=START)
    for total in totals:
        level = level.with_credits(total, depth)
        assert level.with_credits(total, depth) == level
    back = max(totals, default=0)
    assert level.left == min(depth, depth - used + back)
    assert level.credited == back
