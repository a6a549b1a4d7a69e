"""The use case: an ending becomes a delivery, a live event one POST, a wake-up an attempt."""

from typing import Final

from services.notifier.dispatch import Dispatch
from services.notifier.record import Recorder
from services.notifier.rows import Rows
from shared.events import Delivery as Push
from shared.logs import log_context
from shared.messages import ENDING_TYPES, TrackEvent, decode_event
from shared.ports import Snapshot
from shared.webhook_body import webhook_type
from shared.webhooks import LIVE_EVENTS, WEBHOOK_DUE, Delivery

PATIENCE: Final = 13.0
"""Seconds, scaled: the second attempt is waited for inside the push, also when the receiver has
asked for twice its 5 s."""
_MOST_PATIENCE: Final = 60.0
_ENDINGS: Final = frozenset(ENDING_TYPES.values())


class Notifier:
    """Does what messages ask for; thread-safe, one per process."""

    def __init__(
        self, *, recorder: Recorder, rows: Rows, dispatch: Dispatch, scale: float = 1.0
    ) -> None:
        """*scale* is that of the schedule."""
        self._recorder = recorder
        self._rows = rows
        self._dispatch = dispatch
        self._patience = min(PATIENCE * scale, _MOST_PATIENCE)

    def handle(self, push: Push) -> None:
        """Do what one delivery of a message asks for.

        Raises:
            Malformed: the message is not ours to understand (400).
            RetryableError: deliver it again (503).
        """
        event = decode_event(push.data)
        with log_context(request_id=event.request_id, run=event.run, tenant=event.tenant):
            if event.type in _ENDINGS:
                self._send(self._recorder.record(event))
            elif event.type == WEBHOOK_DUE:
                self._send(self._rows.get(event.event_id))
            elif webhook_type(event.type) in LIVE_EVENTS:
                self._once(event)

    def _send(self, seen: Snapshot[Delivery] | None) -> None:
        """Attempt a delivery that is due; one that finds no place stays due."""
        if seen is None or seen.value is None or not self._rows.due(seen.value):
            return
        if self._dispatch.enter(seen):
            self._dispatch.send(seen, patience=self._patience)

    def _once(self, event: TrackEvent) -> None:
        row = self._recorder.unrecorded(event)
        if row is not None:
            self._dispatch.once(row)
