"""Answers of the store, remembered for some seconds: a request need not cost a read."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_MOST: Final = 4096
_MOST_UNKNOWN: Final = 1024


class Remembered(Generic[T]):
    """Asks once in *seconds* for each name; thread-safe, and bounded.

    What is not there is remembered apart, so that invented names push out nothing that is. An
    answer's age counts from the question: nobody sees what was true longer ago.
    """

    def __init__(self, ask: Callable[[str], T | None], seconds: float) -> None:
        """*ask* may raise; then nothing is remembered."""
        self._ask = ask
        self._seconds = seconds
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._unknown: OrderedDict[str, tuple[float, None]] = OrderedDict()

    def get(self, name: str) -> T | None:
        """The answer for *name*, at most so old; what *ask* raises is raised here."""
        now = _now()
        with self._lock:
            asked, answer = self._known.get(name) or self._unknown.get(name) or (None, None)
        if asked is not None and now - asked < self._seconds:
            return answer
        answer = self._ask(name)
        with self._lock:
            self._keep(name, now, answer)
        return answer

    def _keep(self, name: str, asked: float, answer: T | None) -> None:
        self._known.pop(name, None)
        self._unknown.pop(name, None)
        if answer is None:
            self._unknown[name] = (asked, None)
        else:
            self._known[name] = (asked, answer)
        for kept, most in ((self._known, _MOST), (self._unknown, _MOST_UNKNOWN)):
            if len(kept) > most:
                kept.popitem(last=False)


def _now() -> float:
    # It also counts while Cloud Run has frozen the instance.
    return time.clock_gettime(time.CLOCK_BOOTTIME)
