import threading
import time

import pytest

from services.generator.together import Halt, Halted, together
from shared import shutdown
from shared.logs import log_context


def test_what_the_steps_give_comes_in_their_order() -> None:
    def slow(_: Halt) -> int:
        time.sleep(0.05)
        return 1

    assert together([slow, lambda _: 2, lambda _: 3], at_once=3) == [1, 2, 3]


def test_the_first_reason_is_raised_after_all_have_ended() -> None:
    begun, failed, ended = (threading.Event() for _ in range(3))

    def fails(_: Halt) -> None:
        assert begun.wait(5)
        failed.set()
        raise KeyError("first")

    def fails_later(_: Halt) -> None:
        begun.set()
        assert failed.wait(5)
        time.sleep(0.05)
        ended.set()
        raise ValueError("second")

    with pytest.raises(KeyError, match="first"):
        together([fails, fails_later], at_once=2)
    assert ended.is_set()


def test_nothing_new_begins_after_a_reason_to_stop() -> None:
    begun: list[int] = []

    def fails(_: Halt) -> None:
        raise KeyError("stop")

    with pytest.raises(KeyError):
        together([fails, *(lambda _, n=n: begun.append(n) for n in range(5))], at_once=1)
    assert begun == []


def test_a_step_sees_another_ones_reason_and_wakes_from_its_sleep() -> None:
    seen: list[str] = []
    waiting = threading.Event()

    def waits(halt: Halt) -> None:
        waiting.set()
        halt.wait(60)
        try:
            halt.check()
        except Halted:
            seen.append("halted")
            raise

    def fails(_: Halt) -> None:
        assert waiting.wait(5)
        raise KeyError("stop")

    with pytest.raises(KeyError):
        together([waits, fails], at_once=2)
    assert seen == ["halted"]


def test_sleep_ends_with_the_process() -> None:
    shutdown.begin()
    try:
        begun = time.monotonic()
        Halt().wait(60)
        assert time.monotonic() - begun < 30
    finally:
        shutdown.reset()


def test_threads_log_as_the_delivery_that_started_them(caplog: pytest.LogCaptureFixture) -> None:
    from shared.logs import _context

    with log_context(track="t1"):
        contexts = together([lambda _: dict(_context.get())] * 3, at_once=3)
    assert [context["track"] for context in contexts] == ["t1"] * 3
