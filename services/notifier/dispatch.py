"""Who may send now: deliveries get a place at their endpoint, or stay due."""

import logging
import time
from typing import Final

from services.notifier.gate import MOST_OPEN, Gate
from services.notifier.sender import Sender
from shared import shutdown
from shared.errors import MotifError, RetryableError
from shared.ports import Snapshot
from shared.webhooks import Delivery

log = logging.getLogger(__name__)

PASSING_ON: Final = 120.0
"""Seconds that one request may go on with deliveries of others; it must end before its budget."""


class Dispatch:
    """Attempts within the places of their endpoint; thread-safe, one per process."""

    def __init__(self, *, sender: Sender, gate: Gate) -> None:
        """*gate* counts the places."""
        self._sender = sender
        self._gate = gate

    def enter(self, seen: Snapshot[Delivery], *, most: int = MOST_OPEN) -> bool:
        """Take a place for a delivery; who gets one must `send`. Without one its row stays due.

        *most*: take none while so many are taken at its endpoint.
        """
        row = seen.value
        return row is not None and self._gate.enter(row.endpoint_id, seen.id, most=most)

    def send(
        self, seen: Snapshot[Delivery], *, patience: float = 0.0, passing_on: float = PASSING_ON
    ) -> None:
        """Make the attempts of a delivery that has its place, then of those that waited for it.

        An attempt that is due within *patience* seconds is waited for, while the endpoint has
        so many places. Others are gone on with for *passing_on* seconds.

        Raises:
            RetryableError: the process is going away, or Firestore gave no verdict.
        """
        assert seen.value is not None  # noqa: S101 - it could not have entered
        endpoint_id = seen.value.endpoint_id
        try:
            self._attempts(endpoint_id, seen, patience)
        finally:
            self._leave(endpoint_id, seen.id, passing_on)

    def forget(self, seen: Snapshot[Delivery]) -> None:
        """Give back a place that nothing will be sent from."""
        if seen.value is not None:
            self._leave(seen.value.endpoint_id, seen.id, 0.0)

    def once(self, row: Delivery) -> None:
        """Send what is not recorded, if there is a place for it now."""
        if not self._gate.enter(row.endpoint_id, row.webhook_id, wait=False):
            return
        try:
            self._sender.once(row)
        finally:
            self._leave(row.endpoint_id, row.webhook_id, PASSING_ON)

    def _attempts(self, endpoint_id: str, seen: Snapshot[Delivery], patience: float) -> None:
        pause = self._sender.attempt(seen.id, seen)
        while pause is not None and pause <= patience and not self._gate.crowded(endpoint_id):
            if shutdown.wait(pause):
                raise RetryableError("this instance is stopping", code="stopping")
            pause = self._sender.attempt(seen.id)

    def _leave(self, endpoint_id: str, webhook_id: str, passing_on: float) -> None:
        until = time.monotonic() + passing_on
        following = self._gate.leave(endpoint_id, webhook_id)
        while following is not None:
            goes_on = time.monotonic() < until and self._passed_on(following)
            until = until if goes_on else 0.0
            following = self._gate.leave(endpoint_id, following)

    def _passed_on(self, webhook_id: str) -> bool:
        """Attempt somebody else's delivery; False: leave the others to the sweeper as well."""
        try:
            self._sender.attempt(webhook_id)
        except MotifError as exc:
            log.warning("delivery not passed on", extra={"row": webhook_id, "code": exc.code})
            return False
        except Exception:
            log.exception("delivery not passed on", extra={"row": webhook_id, "code": "internal"})
            return False
        return True
