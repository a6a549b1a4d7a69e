"""The use cases of a tenant's webhooks: look, redeliver, pull what was missed, send a test."""

import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Final

from services.ingest.edge.cursors import Cursor, Page, Window
from services.ingest.webhooks.samples import NOBODY, sample
from shared import tracing, webhook_body
from shared.clock import seconds
from shared.endings import ROUNDS
from shared.errors import CommitUnclear, RetryableError, StoreUnavailable
from shared.messages import event_attributes
from shared.ports import Create, Publisher, Snapshot, Store, Update
from shared.problems import Problem
from shared.track import Announcement, Track
from shared.webhooks import (
    DELIVERIES,
    MAX_ATTEMPTS,
    TERMINAL_EVENTS,
    Delivery,
    due_event,
    endpoint_id,
    webhook_id,
)

SOURCE: Final = "ingest"
SETTLED_SECONDS: Final = 15.0
"""Younger events are held back from the list. A commit takes at most the store's 10 s, so nothing
can appear any more before what is older: no cursor passes an event that is committed late."""


WAITING: Final = "waiting"
"""The track has not ended, or the notifier does not know of it yet."""
SKIPPED: Final = "skipped"
"""``callback_events`` does not name this ending."""
GONE: Final = "expired"
"""There was a delivery; its retention is over."""


class NoSuchWebhook(Exception):
    """There is none, it is another tenant's, or its retention is over."""


class Webhooks:
    """Use cases over the store; thread-safe, one per process."""

    def __init__(self, *, store: Store, wake: Publisher, public_url: str) -> None:
        """*wake* tells the notifier what is due; *public_url*: base of the links in a test."""
        self._store = store
        self._wake = wake
        self._public_url = public_url

    def get(self, tenant: str, webhook: str) -> Delivery:
        """One webhook of this tenant.

        Raises:
            NoSuchWebhook: none that this tenant may see.
            StoreUnavailable: Firestore does not answer.
        """
        return _visible(self._store.get(DELIVERIES, webhook), tenant)

    def redeliver_ending(self, track: Track) -> Delivery:
        """As ``redeliver``, for the newest ending of a track.

        Raises:
            Problem: 409, there is nothing yet; or as ``redeliver``.
            NoSuchWebhook, StoreUnavailable: as ``get``.
        """
        newest = announced(track)
        if newest is None or absence(track) != GONE:
            raise _nothing_yet(absence(track))
        return self.redeliver(track.tenant, webhook_id(newest.event_id))

    def redeliver(self, tenant: str, webhook: str) -> Delivery:
        """Ask for one more attempt, outside of the schedule; asked twice, it is the same wish.

        Raises:
            Problem: 409, an attempt is being made, or there have been too many.
            NoSuchWebhook, StoreUnavailable: as ``get``.
        """
        asked: datetime | None = None
        for _ in range(ROUNDS):
            seen = self._store.get(DELIVERIES, webhook)
            row, now = _visible(seen, tenant), self._store.clock.now()
            if _granted(row, asked):
                return row
            _check(row, now)
            if row.redeliver_at is None:
                asked = asked or now
                assert seen.version is not None  # noqa: S101 - it is visible
                row = replace(row, redeliver_at=now, wake_at=now)
                try:
                    self._store.commit(Update(DELIVERIES, seen.id, row, seen.version))
                except CommitUnclear:
                    continue
            self._publish(row, now)
            return row
        raise StoreUnavailable("a redelivery found no quiet moment")

    def events(self, tenant: str, window: Window) -> Page[Delivery]:
        """The tenant's recorded events; tests are left out.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        found = self._store.find(
            DELIVERIES,
            {"tenant": tenant, "once": False},
            order="recorded_at",
            after=window.after,
            limit=window.limit + 1,
        )
        settled = list(takewhile(partial(_settled, found[0].read_at), found)) if found else []
        shown = settled[: window.limit]
        return Page(
            tuple(seen.value for seen in shown if seen.value and not _over(seen)),
            Cursor(_recorded_at(shown[-1]), shown[-1].id) if shown else window.after,
            len(settled) > window.limit,
        )

    def test(self, tenant: str, url: str, kind: str) -> Delivery:
        """Have a synthetic event of webhook type *kind* sent, once, to *url*, which was checked.

        Raises:
            StoreUnavailable: nothing is known to be accepted.
        """
        event_id = f"test:{uuid.uuid4()}"
        webhook = webhook_id(event_id)
        for _ in range(ROUNDS):
            seen = self._store.get(DELIVERIES, webhook)
            if seen.value is not None:
                return seen.value
            now = self._store.clock.now()
            event = sample(kind, event_id, tenant, now)
            row = Delivery(
                webhook_id=webhook,
                event_id=event_id,
                request_id=NOBODY,
                tenant=tenant,
                type=kind,
                endpoint_id=endpoint_id(tenant, url),
                url=url,
                body=webhook_body.make(event, self._public_url),
                traceparent=tracing.kept(),
                created_at=now,
                since=now,
                once=True,
                next_at=now,
                wake_at=now,
            )
            try:
                self._store.commit(Create(DELIVERIES, webhook, row))
            except CommitUnclear:
                continue
            self._publish(row, now)
            return row
        raise StoreUnavailable("a test event found no quiet moment")

    def _publish(self, row: Delivery, now: datetime) -> None:
        event = due_event(row, now)
        with (
            suppress(RetryableError),  # accepted is accepted: the notifier's sweep finds it
            tracing.publishing(event.type, row.traceparent) as carried,
        ):
            self._wake.publish(event, event_attributes(event, SOURCE) | carried)


def announced(track: Track) -> Announcement | None:
    """The newest ending of a track whose caller wants to be told; None: there is none."""
    return track.announcements[-1] if track.request.callback_url and track.announcements else None


def absence(track: Track) -> str:
    """What it means when the newest ending of a track has no delivery."""
    newest = announced(track)
    if newest is None:
        return WAITING
    if f"track.{newest.status}" not in (track.request.callback_events or TERMINAL_EVENTS):
        return SKIPPED
    return GONE if newest.recorded else WAITING


def _nothing_yet(absence: str) -> Problem:
    skipped = absence == SKIPPED
    return Problem(
        409,
        "nothing_to_redeliver",
        "callback_events does not name this ending."
        if skipped
        else "The track has not ended, or its ending was not passed on yet.",
        cure="Read the track itself: GET /v1/tracks/{id}."
        if skipped
        else "Ask again when `state` is no longer waiting.",
    )


def _visible(seen: Snapshot[Delivery], tenant: str) -> Delivery:
    if seen.value is None or seen.value.tenant != tenant or _over(seen):
        raise NoSuchWebhook(seen.id)
    return seen.value


def _over(seen: Snapshot[Delivery]) -> bool:
    return seen.value is not None and seen.value.expired(seen.read_at)


def _settled(read_at: datetime, seen: Snapshot[Delivery]) -> bool:
    return _recorded_at(seen) <= read_at - seconds(SETTLED_SECONDS)


def _recorded_at(seen: Snapshot[Delivery]) -> datetime:
    assert seen.value is not None  # noqa: S101 - it was found
    assert seen.value.recorded_at is not None  # noqa: S101 - the store stamps each row
    return seen.value.recorded_at


def _granted(row: Delivery, asked: datetime | None) -> bool:
    """Whether what was asked for in a commit without a verdict has been made since."""
    return asked is not None and any(a.redelivery and a.started_at >= asked for a in row.attempts)


def _check(row: Delivery, now: datetime) -> None:
    if row.live(now):
        raise Problem(
            409,
            "attempt_in_flight",
            "An attempt is being made right now.",
            cure="Look at its result first, and ask again if it has failed.",
        )
    if len(row.attempts) >= MAX_ATTEMPTS:
        raise Problem(
            409,
            "too_many_attempts",
            f"There have been {len(row.attempts)} attempts.",
            cure="Read the event itself: GET /v1/webhooks/events/{webhook_id} has its data.",
        )
