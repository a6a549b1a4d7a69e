"""The store's clock: shared times come from Firestore, never from this machine's calendar."""

import threading
import time
from datetime import UTC, datetime, timedelta


class StoreClock:
    """The newest time the store has told, carried on by a clock that counts suspended time.

    An instance may be frozen for minutes between two requests, and its wall clock may be wrong;
    ``CLOCK_BOOTTIME`` goes on through both. The estimate lags by at most one answer's travel
    and never runs backwards.
    """

    def __init__(self) -> None:
        """Start unset; the first read of the store sets it."""
        self._lock = threading.Lock()
        self._offset: float | None = None

    def see(self, read_time: datetime) -> None:
        """Take in a time that the store put on an answer that has just arrived."""
        offset = read_time.timestamp() - time.clock_gettime(time.CLOCK_BOOTTIME)
        with self._lock:
            if self._offset is None or offset > self._offset:
                self._offset = offset

    @property
    def is_set(self) -> bool:
        """Whether the store has told its time yet."""
        return self._offset is not None

    def now(self) -> datetime:
        """The store's time, as an aware UTC datetime.

        Raises:
            RuntimeError: nothing was read yet.
        """
        if self._offset is None:
            raise RuntimeError("the store's clock is not known before the first read")
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME) + self._offset
        return datetime.fromtimestamp(seconds, UTC)


def seconds(count: float) -> timedelta:
    """*count* seconds as a timedelta."""
    return timedelta(seconds=count)
