"""What a wake-up of a due delivery is: its next attempt, beside those of other receivers."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
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
"""Attempts of one pass in flight."""
_AT_ONE_ENDPOINT: Final = 4
"""A few slow receivers must not hold up all others."""
_SHARE: Final = 1 / 12
"""Of a sweep period: so long one attempt's thread goes on with others of its endpoint."""


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
        if not self._dispatch.enter(seen, most=_AT_ONE_ENDPOINT):
            slots.release()
            self._rows.move_on(seen)
            return
        try:
            # The thread logs as the sweep that started it.
            future = pool.submit(copy_context().run, self._send, seen)
        except RuntimeError:  # no thread is to be had
            self._dispatch.forget(seen)
            slots.release()
            raise
        future.add_done_callback(lambda _: slots.release())

    def _send(self, seen: Snapshot[Delivery]) -> None:
        try:
            self._dispatch.send(seen, passing_on=self._timing.sweep * _SHARE)
        except MotifError as exc:
            log.warning("row not woken", extra={"row": seen.id, "code": exc.code})
        except Exception:
            log.exception("row not woken", extra={"row": seen.id, "code": "internal"})
        else:
            return
        with suppress(MotifError):  # what cannot be attempted must not hide what can
            self._rows.move_on(self._rows.get(seen.id))
