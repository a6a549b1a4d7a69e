"""What a wake-up of a due delivery is: its next attempt, beside those of other receivers."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import BoundedSemaphore
from typing import Final

from services.notifier.dispatch import Dispatch
from services.notifier.rows import Rows
from shared.errors import MotifError
from shared.ports import Snapshot, Store
from shared.sweep import sweep
from shared.timing import Timing
from shared.webhooks import DELIVERIES, Delivery

log = logging.getLogger(__name__)

_AT_ONCE: Final = 32
"""Attempts of one pass in flight: a few slow receivers must not hold up all others."""


class DeliverySweeper:
    """Wakes the deliveries that are due."""

    def __init__(self, *, store: Store, rows: Rows, dispatch: Dispatch, timing: Timing) -> None:
        """*dispatch* takes the attempts: taking one is what moves a row on."""
        self._store = store
        self._rows = rows
        self._dispatch = dispatch
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
        if not self._dispatch.enter(seen):
            slots.release()
            self._move_on(seen)
            return
        pool.submit(self._send, seen).add_done_callback(lambda _: slots.release())

    def _send(self, seen: Snapshot[Delivery]) -> None:
        try:
            self._dispatch.send(seen)
        except MotifError as exc:
            log.warning("row not woken", extra={"row": seen.id, "code": exc.code})
        except Exception:
            log.exception("row not woken", extra={"row": seen.id, "code": "internal"})
        else:
            return
        with suppress(MotifError):
            self._move_on(seen)

    def _move_on(self, seen: Snapshot[Delivery]) -> None:
        """Later, and later: what cannot be attempted must not hide what can."""
        if seen.value is not None:
            self._rows.move_on(self._rows.get(seen.id))
