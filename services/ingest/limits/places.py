"""Open tracks of one tenant: counted by the store now and then, in between by this instance."""

import threading
import time
from collections.abc import Callable
from typing import Final

from shared.errors import StoreUnavailable

_FRESH: Final = 1.0
"""Seconds that a count is good for: what other instances accept in this time is not seen."""


class Places:
    """Who may still open a track; thread-safe, one per tenant.

    Within one instance the limit is never exceeded: what was accepted since the count, and what
    is about to be, is added to it.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        """*count* asks the store how many are open."""
        self._count = count
        self._lock = threading.Lock()
        self._counted = 0
        self._at = -_FRESH
        self._counts = 0
        self._away = False
        """Whether the last count came to nothing."""
        self._pending = 0
        """Places of tracks that are not committed yet."""
        self._since = 0
        """Places taken since the count; those that were pending then, too."""

    def take(self, limit: int) -> bool:
        """Take a place, if fewer than *limit* are open.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        counts = self._counts
        with self._lock:
            # A count that began after the caller came is as good as one of its own: a crowd asks
            # once, also when the store does not answer.
            if counts != self._counts and self._away:
                raise StoreUnavailable("open tracks could not be counted a moment ago")
            if counts == self._counts and (self._stale() or self._open() >= limit):
                self._recount()
            if self._open() >= limit:
                return False
            self._pending += 1
            self._since += 1
            return True

    def settle(self, *, opened: bool) -> None:
        """Say what became of a place that was taken: whether a track may be open in it."""
        with self._lock:
            self._pending -= 1
            if not opened:
                self._since -= 1

    def _open(self) -> int:
        return self._counted + self._since

    def _stale(self) -> bool:
        return time.monotonic() - self._at >= _FRESH

    def _recount(self) -> None:
        at = time.monotonic()
        self._counts += 1
        self._away = True
        self._counted = self._count()
        self._away = False
        self._at, self._since = at, self._pending
