"""The process-wide word that SIGTERM has come, and what has to happen before the end.

Cloud Run sends SIGKILL ten seconds after SIGTERM: handlers look at ``stopping()`` before each
new step, and sleep with ``wait()``.
"""

import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

_log = logging.getLogger(__name__)
_stopping: Final = threading.Event()
_flushers: Final[list[Callable[[], None]]] = []


def stopping() -> bool:
    """Whether this process has been told to end: start nothing new."""
    return _stopping.is_set()


def begin() -> None:
    """Set the word; everybody in ``wait()`` wakes."""
    _stopping.set()


def wait(seconds: float) -> bool:
    """Sleep, at most until the end begins; return ``stopping()``.

    Not for the main thread: a signal handler that interrupts it here could wait for itself.
    """
    return _stopping.wait(max(0.0, seconds))


def chain(signum: int = signal.SIGTERM) -> None:
    """Let *signum* call ``begin()`` first, then the handler that it has now (main thread only)."""
    previous = signal.getsignal(signum)

    def begin_then_previous(number: int, frame: FrameType | None) -> None:
        begin()
        if callable(previous):
            previous(number, frame)

    signal.signal(signum, begin_then_previous)
    # signal() lets the signal interrupt system calls again; gunicorn had switched that off.
    signal.siginterrupt(signum, False)


def at_exit(flush: Callable[[], None]) -> None:
    """Have *flush* called when the worker ends, also when requests were cut off (atexit is not)."""
    _flushers.append(flush)


def flush() -> None:
    """Call everything registered, the last first; a failure is logged and stops no other."""
    while _flushers:
        flusher = _flushers.pop()
        try:
            flusher()
        except Exception:  # noqa: BLE001 - whatever it was, the others must have their turn
            _log.exception("a flush at the end failed")


def reset() -> None:
    """Forget everything; for tests."""
    _stopping.clear()
    _flushers.clear()
