"""Deliveries as the notifier leaves them: recorded with their ending, attempted, aged."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared import rules, webhook_body
from shared.gcp.firestore import FirestoreStore
from shared.messages import decode_event
from shared.ports import Create, Update
from shared.track import TRACKS
from shared.webhooks import DELIVERIES, Attempt, Delivery, endpoint_id, webhook_id
from tests.support.api import BASE, Api, failed

URL = "https://hooks.example/in?token=secret"
OLD = timedelta(seconds=60)
"""Older than what the list holds back."""


def delivery(tenant: str, *, at: datetime, url: str = URL, **fields: Any) -> Delivery:
    """A row of an event of its own."""
    event_id = f"{secrets.token_hex(8)}:1:failed"
    row = Delivery(
        webhook_id=webhook_id(event_id),
        event_id=event_id,
        request_id="00000000-0000-4000-8000-000000000000",
        tenant=tenant,
        type="track.failed",
        endpoint_id=endpoint_id(tenant, url),
        url=url,
        body=b'{"type":"track.failed","timestamp":"2030-01-01T00:00:00Z","data":{"run":1}}',
        created_at=at,
        since=at,
        next_at=at,
        wake_at=at,
    )
    return replace(row, **fields)


def attempts(count: int, at: datetime) -> tuple[Attempt, ...]:
    """As many failures."""
    return tuple(
        Attempt(number=number, started_at=at, milliseconds=12, status=500, answer="no")
        for number in range(1, count + 1)
    )


def recorded(api: Api, request_id: str, **fields: Any) -> Delivery:
    """End a track; its ending is recorded as the notifier does it: row and mark in one commit."""
    api.end(request_id, failed())
    seen = api.document(request_id)
    assert seen.value
    assert seen.version
    newest = seen.value.announcements[-1]
    row = delivery(
        seen.value.tenant,
        at=api.store.clock.now(),
        url=seen.value.request.callback_url,
        webhook_id=webhook_id(newest.event_id),
        event_id=newest.event_id,
        request_id=request_id,
        body=webhook_body.make(decode_event(newest.data), BASE),
        **fields,
    )
    api.store.commit(
        Create(DELIVERIES, row.webhook_id, row),
        Update(TRACKS, seen.id, rules.marked(seen.value, recorded=row.event_id), seen.version),
    )
    return row


def row_of(store: FirestoreStore, webhook: str) -> Delivery:
    """The row as it is now."""
    found = store.get(DELIVERIES, webhook).value
    assert found
    return found


def change_row(store: FirestoreStore, webhook: str, **fields: Any) -> None:
    """Write to a row past all rules."""
    seen = store.get(DELIVERIES, webhook)
    assert seen.value
    assert seen.version
    store.commit(Update(DELIVERIES, seen.id, replace(seen.value, **fields), seen.version))


def age(store: FirestoreStore, webhook: str, recorded_at: datetime) -> None:
    """Say that a row was recorded then: what only the store says otherwise."""
    row = store._client.collection(DELIVERIES.name).document(webhook)
    row.update({"recorded_at": recorded_at})
