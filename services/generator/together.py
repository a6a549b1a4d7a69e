"""Several steps of one track at once: the first reason to stop stops them all."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, NoReturn, TypeVar

from shared import shutdown

T = TypeVar("T")

_SLICE: Final = 0.2


class Halted(Exception):
    """Another step has met a reason to stop."""


class Halt:
    """The first reason for which the work on a track stops; it forbids whatever is new."""

    def __init__(self) -> None:
        """No reason yet."""
        self.reason: BaseException | None = None
        self._event = threading.Event()
        self._lock = threading.Lock()

    def because(self, reason: BaseException) -> None:
        """Keep *reason*, unless there is one."""
        with self._lock:
            self.reason = self.reason or reason
        self._event.set()

    def stop(self, reason: Exception) -> NoReturn:
        """Keep *reason*, unless there is one, and raise it."""
        self.because(reason)
        raise reason

    def check(self) -> None:
        """Raise ``Halted`` when there is a reason to stop."""
        if self.reason is not None:
            raise Halted

    def wait(self, seconds: float) -> None:
        """Sleep, at most until there is a reason to stop or the process is to end."""
        while seconds > 0 and not shutdown.stopping() and not self._event.wait(_SLICE):
            seconds -= _SLICE


def together(
    steps: Sequence[Callable[[Halt], T]], at_once: int, halt: Halt | None = None
) -> list[T]:
    """Run all *steps* in up to *at_once* threads, and return what they gave, in their order.

    Raises:
        Exception: the first that any step raised, after all that had begun have ended.
    """
    halt = halt or Halt()

    def run(step: Callable[[Halt], T]) -> T:
        try:
            halt.check()
            return step(halt)
        except BaseException as exc:
            halt.because(exc)
            raise

    with ThreadPoolExecutor(at_once) as pool:
        # Each thread logs as the delivery that started it.
        futures = [pool.submit(copy_context().run, run, step) for step in steps]
    if halt.reason is not None:
        raise halt.reason
    return [future.result() for future in futures]
