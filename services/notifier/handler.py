"""The use case: one ending becomes one delivery, and its first attempts."""

import logging
from datetime import datetime
from functools import partial
from typing import Final

from services.notifier import body
from services.notifier.sender import Sender
from shared import rules, shutdown
from shared.endings import ROUNDS, note
from shared.errors import CommitUnclear, RetryableError, StoreUnavailable
from shared.events import Delivery as Push
from shared.failpoints import failpoint
from shared.logs import log_context
from shared.messages import ENDING_TYPES, TrackEvent, decode_event
from shared.ports import Create, Snapshot, Store, Update
from shared.track import DELIVERIES, TRACKS, Announcement, Delivery, Track

log = logging.getLogger(__name__)

PATIENCE: Final = 60.0
"""Seconds, scaled: an attempt that is due within them is waited for inside the push."""
_ENDINGS: Final = frozenset(ENDING_TYPES.values())


class Notifier:
    """Records endings and has them sent; thread-safe, one per process."""

    def __init__(
        self, *, store: Store, sender: Sender, public_url: str, scale: float = 1.0
    ) -> None:
        """*public_url*: base of the links in the body; *scale* is that of the schedule."""
        self._store = store
        self._sender = sender
        self._public_url = public_url
        self._patience = PATIENCE * min(scale, 1.0)

    def handle(self, push: Push) -> None:
        """Do what one delivery of a track event asks for.

        Raises:
            Malformed: the message is not ours to understand (400).
            RetryableError: deliver it again (503).
        """
        event = decode_event(push.data)
        if event.type not in _ENDINGS:
            return
        with log_context(track=event.request_id, run=event.run, tenant=event.tenant):
            if self._record(event):
                self._attempt(event.event_id)

    def _record(self, event: TrackEvent) -> bool:
        """Make the delivery once; False when there is none to make."""
        for _ in range(ROUNDS):
            seen = self._store.get(TRACKS, event.request_id)
            track, announcement = seen.value, _announced(seen.value, event)
            if track is None or announcement is None:
                log.warning("nobody has announced this event", extra={"event": event.event_id})
                return False
            if not _wanted(track, event):
                note(self._store, seen.id, partial(rules.marked, recorded=event.event_id))
                return False
            if announcement.recorded or self._commit(seen, track, announcement):
                return True
        raise StoreUnavailable("a delivery found no quiet moment to be recorded")

    def _commit(self, seen: Snapshot[Track], track: Track, announcement: Announcement) -> bool:
        """Row and mark in one: whoever finds the mark knows that there is a row."""
        assert seen.version is not None  # noqa: S101 - it has a value
        row = self._delivery(track, announcement, self._store.clock.now())
        marked = rules.marked(track, recorded=announcement.event_id)
        failpoint("before_delivery_recorded", track.request_id)
        try:
            self._store.commit(
                Create(DELIVERIES, row.event_id, row),
                Update(TRACKS, seen.id, marked, seen.version),
            )
        except CommitUnclear:
            return False
        failpoint("after_delivery_recorded", track.request_id)
        return True

    def _delivery(self, track: Track, announcement: Announcement, now: datetime) -> Delivery:
        return Delivery(
            event_id=announcement.event_id,
            request_id=track.request_id,
            tenant=track.tenant,
            webhook_id=body.webhook_id(announcement.event_id),
            url=track.request.callback_url,
            body=body.make(decode_event(announcement.data), self._public_url),
            created_at=now,
            wake_at=now,
        )

    def _attempt(self, delivery_id: str) -> None:
        pause: float | None = 0.0
        while pause is not None and pause <= self._patience:
            if shutdown.wait(pause):
                raise RetryableError("this instance is stopping", code="stopping")
            pause = self._sender.attempt(delivery_id)


def _announced(track: Track | None, event: TrackEvent) -> Announcement | None:
    known = track.announcements if track else ()
    mine = (a for a in known if (a.event_id, a.run) == (event.event_id, event.run))
    return next(mine, None)


def _wanted(track: Track, event: TrackEvent) -> bool:
    selected = track.request.callback_events
    chosen = not selected or body.webhook_type(event.type) in selected
    return bool(track.request.callback_url) and chosen
