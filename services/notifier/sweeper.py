"""What a wake-up of a due delivery is: its next attempt, beside those of other receivers."""

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import BoundedSemaphore
from typing import Final

from services.notifier.sender import Sender
from shared.errors import MotifError
from shared.ports import Snapshot, Store
from shared.sweep import sweep
from shared.timing import Timing
from shared.track import DELIVERIES, Delivery

log = logging.getLogger(__name__)

_AT_ONCE: Final = 16
"""Attempts of one pass in flight: a few slow receivers must not hold up all others."""


class DeliverySweeper:
    """Wakes the deliveries that are due."""

    def __init__(self, *, store: Store, sender: Sender, timing: Timing) -> None:
        """*sender* takes the attempts: taking one is what moves a row on."""
        self._store = store
        self._sender = sender
        self._timing = timing

    def run(self) -> dict[str, int]:
        """One pass, ended when its attempts are; see ``shared.sweep``."""
        slots = BoundedSemaphore(_AT_ONCE)
        with ThreadPoolExecutor(_AT_ONCE, "attempt") as pool:
            wake = partial(self._wake, pool, slots)
            return sweep(self._store, DELIVERIES, wake, self._timing)

    def _wake(
        self, pool: ThreadPoolExecutor, slots: BoundedSemaphore, seen: Snapshot[Delivery]
    ) -> None:
        slots.acquire()
        pool.submit(self._attempt, seen).add_done_callback(lambda _: slots.release())

    def _attempt(self, seen: Snapshot[Delivery]) -> None:
        try:
            self._sender.attempt(seen.id, seen)
        except MotifError as exc:
            log.warning("row not woken", extra={"row": seen.id, "code": exc.code})
        except Exception:
            log.exception("row not woken", extra={"row": seen.id, "code": "internal"})
