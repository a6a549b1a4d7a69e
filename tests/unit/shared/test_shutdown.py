import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from shared import shutdown


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    shutdown.reset()
    yield
    shutdown.reset()


def test_nothing_stops_by_itself() -> None:
    assert shutdown.stopping() is False
    assert shutdown.wait(0) is False
    assert shutdown.wait(-1) is False


def test_wait_ends_when_the_end_begins() -> None:
    threading.Timer(0.05, shutdown.begin).start()
    started = time.monotonic()

    assert shutdown.wait(30) is True
    assert time.monotonic() - started < 10
    assert shutdown.stopping()
    assert shutdown.wait(30) is True


def test_signal_begins_the_end_and_then_calls_the_previous_handler() -> None:
    seen: list[tuple[int, bool]] = []
    before = signal.signal(
        signal.SIGUSR2, lambda number, _: seen.append((number, shutdown.stopping()))
    )
    try:
        shutdown.chain(signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)

    assert seen == [(signal.SIGUSR2, True)]


def test_signal_without_a_previous_handler() -> None:
    before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        shutdown.chain(signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)

    assert shutdown.stopping()


def test_flushes_run_once_last_first_whatever_one_of_them_raises(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ran: list[str] = []
    shutdown.at_exit(lambda: ran.append("first"))
    shutdown.at_exit(lambda: ran.remove("nothing"))
    shutdown.at_exit(lambda: ran.append("last"))

    shutdown.flush()
    shutdown.flush()

    assert ran == ["last", "first"]
    assert [r.levelname for r in caplog.records] == ["ERROR"]
