import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import StoreClock, seconds

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LOOKS = st.lists(st.tuples(st.floats(0, 100), st.integers(-(10**9), 10**9)), min_size=1)


@pytest.fixture
def boot(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets what CLOCK_BOOTTIME says."""
    at = [1000.0]

    def clock_gettime(clock: int) -> float:
        assert clock == time.CLOCK_BOOTTIME
        return at[0]

    monkeypatch.setattr("shared.clock.time.clock_gettime", clock_gettime)

    def set_to(value: float) -> None:
        at[0] = value

    return set_to


def test_an_unset_clock_tells_no_time() -> None:
    clock = StoreClock()
    assert not clock.is_set
    with pytest.raises(RuntimeError, match="first read"):
        clock.now()


def test_it_carries_the_stores_time_on(boot: Callable[[float], None]) -> None:
    clock = StoreClock()
    clock.see(START)
    assert (clock.is_set, clock.now()) == (True, START)
    boot(1000 + 86_400.5)
    assert clock.now() == START + timedelta(days=1, seconds=0.5)


def test_an_answer_that_was_long_on_its_way_changes_nothing(boot: Callable[[float], None]) -> None:
    clock = StoreClock()
    clock.see(START)
    boot(1010)
    clock.see(START + timedelta(seconds=3))
    assert clock.now() == START + timedelta(seconds=10)
    clock.see(START + timedelta(seconds=11))
    assert clock.now() == START + timedelta(seconds=11)


@given(LOOKS)
def test_it_never_runs_backwards_and_never_lags_what_it_saw(
    looks: list[tuple[float, int]],
) -> None:
    clock, told = StoreClock(), START - timedelta(days=100)
    at = 1000.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.clock.time.clock_gettime", lambda _: at)
        for later, microseconds in looks:
            at += later
            read = START + timedelta(seconds=at, microseconds=microseconds)
            clock.see(read)
            now = clock.now()
            assert now >= read
            assert now >= told
            told = now


def test_threads_see_one_clock() -> None:
    clock = StoreClock()
    clock.see(START)
    backwards: list[datetime] = []
    gate = threading.Barrier(8)

    def look() -> None:
        gate.wait()
        last = clock.now()
        for step in range(200):
            clock.see(START + timedelta(milliseconds=step % 7))
            now = clock.now()
            if now < last:
                backwards.append(now)
            last = now

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert backwards == []


def test_it_runs_with_the_real_clock() -> None:
    clock = StoreClock()
    clock.see(START)
    first = clock.now()
    threading.Event().wait(0.02)
    assert timedelta(seconds=0.02) <= clock.now() - first < timedelta(seconds=5)
    assert first.tzinfo is UTC


def test_seconds_may_be_parts() -> None:
    assert seconds(1.5) == timedelta(milliseconds=1500)
