"""From an announced ending to its delivery: one row, made once."""

import logging
from functools import partial

from shared import rules, tracing, webhook_body
from shared.endings import ROUNDS, note
from shared.errors import CommitUnclear, StoreUnavailable
from shared.failpoints import failpoint
from shared.messages import TrackEvent, decode_event
from shared.ports import Create, Snapshot, Store, Update
from shared.track import TRACKS, Announcement, Track
from shared.webhooks import DELIVERIES, TERMINAL_EVENTS, Delivery, endpoint_id, webhook_id

log = logging.getLogger(__name__)


class Recorder:
    """Makes deliveries; thread-safe, one per process."""

    def __init__(self, *, store: Store, public_url: str) -> None:
        """*public_url*: base of the links in the body."""
        self._store = store
        self._public_url = public_url

    def record(self, event: TrackEvent) -> Snapshot[Delivery] | None:
        """The delivery of an ending, made if it is not there yet; None: there is none to make.

        Raises:
            StoreUnavailable: Firestore gave no verdict.
        """
        for _ in range(ROUNDS):
            seen = self._store.get(TRACKS, event.request_id)
            track, announcement = seen.value, _announced(seen.value, event)
            if track is None or announcement is None:
                log.warning("nobody has announced this event", extra={"event": event.event_id})
                return None
            if not selected(track, event):
                note(self._store, seen.id, partial(rules.marked, recorded=event.event_id))
                return None
            if announcement.recorded:
                return self._store.get(DELIVERIES, webhook_id(event.event_id))
            made = self._made(seen, track, announcement)
            if made is not None:
                return made
        raise StoreUnavailable("a delivery found no quiet moment to be recorded")

    def unrecorded(self, event: TrackEvent) -> Delivery | None:
        """What a live event sends, which no row is made of; None: nobody wants it (any more).

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        track = self._store.get(TRACKS, event.request_id).value
        over = track is None or track.status.ended or track.run != event.run
        if track is None or over or not selected(track, event):
            return None
        return self._delivery(track, event)

    def _made(
        self, seen: Snapshot[Track], track: Track, announcement: Announcement
    ) -> Snapshot[Delivery] | None:
        """Row and mark in one: whoever finds the mark knows that there is a row."""
        assert seen.version is not None  # noqa: S101 - it has a value
        row = self._delivery(track, decode_event(announcement.data))
        marked = rules.marked(track, recorded=announcement.event_id)
        failpoint("before_delivery_recorded", track.request_id)
        try:
            time = self._store.commit(
                Create(DELIVERIES, row.webhook_id, row),
                Update(TRACKS, seen.id, marked, seen.version),
            )
        except CommitUnclear:
            return None
        failpoint("after_delivery_recorded", track.request_id)
        return Snapshot(row.webhook_id, row, time, time)

    def _delivery(self, track: Track, event: TrackEvent) -> Delivery:
        now, url = self._store.clock.now(), track.request.callback_url
        return Delivery(
            webhook_id=webhook_id(event.event_id),
            event_id=event.event_id,
            request_id=track.request_id,
            tenant=track.tenant,
            type=webhook_body.webhook_type(event.type),
            endpoint_id=endpoint_id(track.tenant, url),
            url=url,
            body=webhook_body.make(event, self._public_url),
            traceparent=tracing.kept(_traceparent(track, event)),
            created_at=now,
            since=now,
            next_at=now,
            wake_at=now,
        )


def selected(track: Track, event: TrackEvent) -> bool:
    """Whether the track's caller wants to hear of *event*."""
    chosen = track.request.callback_events or TERMINAL_EVENTS
    return bool(track.request.callback_url) and webhook_body.webhook_type(event.type) in chosen


def _traceparent(track: Track, event: TrackEvent) -> str:
    """Of the event's run; a live event is always of the present one."""
    announcement = _announced(track, event)
    if announcement is None:
        return track.traceparent
    return announcement.attributes.get(tracing.ATTRIBUTE, "")


def _announced(track: Track | None, event: TrackEvent) -> Announcement | None:
    known = track.announcements if track else ()
    mine = (a for a in known if (a.event_id, a.run) == (event.event_id, event.run))
    return next(mine, None)
