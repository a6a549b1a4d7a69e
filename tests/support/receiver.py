"""A customer's server, and the notifier beside it: what the tests of webhooks stand on."""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from deploy.local.http import Request, Response, Server
from services.ingest.webhooks.endpoints import Endpoints
from services.ingest.webhooks.use_cases import Webhooks
from services.notifier.dispatch import Dispatch
from services.notifier.egress import Egress
from services.notifier.gate import Gate
from services.notifier.handler import Notifier
from services.notifier.health import Health
from services.notifier.record import Recorder
from services.notifier.releaser import Releaser
from services.notifier.resolver import Resolve, system_resolve
from services.notifier.rows import Rows
from services.notifier.sender import Sender
from services.notifier.signing import Signer
from services.notifier.sweeper import DeliverySweeper
from shared import rules
from shared.cures import failure
from shared.endings import Ending, end, note
from shared.errors import Code, CommitUnclear, StoreUnavailable
from shared.events import Delivery as Push
from shared.gcp.firestore import FirestoreStore
from shared.messages import encode
from shared.ports import Collection, Create, Snapshot, T, Update, Write
from shared.targets import Targets
from shared.timing import Timing
from shared.track import TRACKS, Status, Track
from shared.vault import Vault
from shared.webhooks import (
    DELIVERIES,
    ENDPOINTS,
    Delivery,
    Endpoint,
    State,
    due_event,
    endpoint_id,
    endpoint_url,
    webhook_id,
)
from tests.support.tracks import SOURCE, Outbox, stored_track

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MAIN_KEY = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
TIMING = Timing().scaled(0.05)
BRIEF = Timing().scaled(0.01)
"""Leases of 0.3 s, for attempts that are to lose theirs."""
SCALE = 0.01
"""The 5 s gap becomes 0.05 s, a minute 0.6 s."""
NAME = "hooks.example"
"""A host that may be called, for those who say what it resolves to."""


class Receiver:
    """A customer's server: answers in the order of ``statuses``, the last one for ever."""

    on_post: Callable[[], object]

    def __init__(self) -> None:
        self.statuses = [200]
        self.secret = SECRET
        self.posts: list[Request] = []
        self.on_post = lambda: None
        self.most_open = 0
        self._open = 0
        self._lock = threading.Lock()
        self.server = Server(self._answer)
        self.origin = self.server.url
        self.hook = self.origin + "/hook"

    def _answer(self, request: Request) -> Response:
        Webhook(self.secret).verify(request.body.decode(), dict(request.headers.items()))
        with self._lock:
            self.posts.append(request)
            self._open += 1
            self.most_open = max(self.most_open, self._open)
        try:
            self.on_post()
        finally:
            with self._lock:
                self._open -= 1
                status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Response(status, b"why")

    def ids(self) -> set[str | None]:
        return {post.headers["webhook-id"] for post in self.posts}

    def bodies(self) -> set[bytes]:
        return {post.body for post in self.posts}

    def timestamps(self) -> list[int]:
        return [int(post.headers["webhook-timestamp"] or 0) for post in self.posts]


class Stack:
    """One process of the notifier, and the calls of the API that concern it."""

    def __init__(
        self,
        store: FirestoreStore,
        *,
        scale: float = SCALE,
        health_scale: float = SCALE,
        timing: Timing = TIMING,
        timeout: float = TIMING.webhook_attempt,
        secret: str = SECRET,
        resolve: Resolve = system_resolve,
    ) -> None:
        self.store = store
        self.rows = Rows(store=store, timing=timing, scale=scale, jitter=lambda: 0.5)
        self.gate = Gate()
        self.sender = Sender(
            rows=self.rows,
            egress=Egress(targets=Targets(f"127.0.0.1,{NAME}"), seconds=timeout, resolve=resolve),
            signer=Signer(store=store, vault=Vault(MAIN_KEY), default=secret),
            health=Health(store=store, scale=health_scale),
            gate=self.gate,
        )
        self.dispatch = Dispatch(sender=self.sender, gate=self.gate)
        self.recorder = Recorder(store=store, public_url="https://api.example")
        self.notifier = Notifier(
            recorder=self.recorder, rows=self.rows, dispatch=self.dispatch, scale=scale
        )
        self.sweeper = DeliverySweeper(
            store=store, rows=self.rows, dispatch=self.dispatch, timing=timing
        )
        self.releaser = Releaser(store=store, rows=self.rows, timing=timing)
        self.published = Outbox()
        self.webhooks = Webhooks(store=store, wake=self.published, public_url="https://api.example")
        self.endpoints = Endpoints(store)

    def now(self) -> datetime:
        self.store.get(DELIVERIES, "clock")
        return self.store.clock.now()

    def row(self, webhook: str) -> Delivery:
        return value_of(self.rows.get(webhook))

    def endpoint(self, url: str) -> Endpoint:
        return value_of(self.store.get(ENDPOINTS, endpoint_id("local", url)))

    def planned(self, url: str, **changes: Any) -> Delivery:
        """A stored delivery that is due now."""
        (row,) = self.many(1, url, **changes)
        return row

    def many(self, count: int, url: str, **changes: Any) -> list[Delivery]:
        """So many stored deliveries that are due now."""
        now = self.now()
        rows = [replace(new_row(url, now), **changes) for _ in range(count)]
        for first in range(0, count, 100):
            part = rows[first : first + 100]
            self.store.commit(*(Create(DELIVERIES, row.webhook_id, row) for row in part))
        return rows

    def change(self, row: Delivery, **changes: Any) -> Delivery:
        """Write to a row what is not to be waited for."""
        seen = self.rows.get(row.webhook_id)
        assert seen.version is not None
        changed = replace(value_of(seen), **changes)
        self.store.commit(Update(DELIVERIES, seen.id, changed, seen.version))
        return changed

    def known(self, url: str, **fields: Any) -> Endpoint:
        """A stored endpoint."""
        row = new_row(url, self.now())
        endpoint = Endpoint(
            endpoint_id=row.endpoint_id,
            tenant=row.tenant,
            url=endpoint_url(url),
            created_at=row.created_at,
            **fields,
        )
        self.store.commit(Create(ENDPOINTS, endpoint.endpoint_id, endpoint))
        return endpoint

    def wake(self, row: Delivery) -> None:
        """What the message about a due delivery does."""
        self.notifier.handle(push(encode(due_event(row, self.now()))))

    def wake_all(self, rows: list[Delivery], threads: int = 32) -> list[float]:
        """The messages about *rows*, so many at once; the seconds that each took."""

        def timed(row: Delivery) -> float:
            begun = time.monotonic()
            self.wake(row)
            return time.monotonic() - begun

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(timed, rows))

    def redeliver(self, row: Delivery) -> None:
        """Ask for a redelivery as the API does, and have the message delivered."""
        self.webhooks.redeliver(row.tenant, row.webhook_id)
        self.notifier.handle(push(self.published.sent[-1][0]))

    def take(self, webhook: str, holder: str) -> Snapshot[Delivery]:
        """Start an attempt, as a process that may not live to end it."""
        taken = self.rows.take(self.rows.get(webhook), holder)
        assert value_of(taken).holder == holder
        return taken

    def until_due(self, webhook: str) -> None:
        at = self.row(webhook).wake_at
        assert at is not None
        while self.store.clock.now() < at:
            time.sleep(0.01)


def states(stack: Stack, rows: list[Delivery]) -> set[State]:
    return {stack.row(row.webhook_id).state for row in rows}


class Away(FirestoreStore):
    """Firestore that is away while ``away`` says so."""

    def __init__(self, project: str) -> None:
        super().__init__(project)
        self.away = False
        self.refused = 0

    def get(self, collection: Collection[T], doc_id: str) -> Snapshot[T]:
        if self.away:
            self.refused += 1
            raise StoreUnavailable("away")
        return super().get(collection, doc_id)

    def commit(self, *writes: Write) -> datetime:
        if self.away:
            self.refused += 1
            raise CommitUnclear("away")
        return super().commit(*writes)


def value_of(seen: Snapshot[T]) -> T:
    assert seen.value is not None
    return seen.value


def new_row(url: str, now: datetime) -> Delivery:
    event_id = f"{uuid.uuid4()}:1:failed"
    return Delivery(
        webhook_id=webhook_id(event_id),
        event_id=event_id,
        request_id=event_id.partition(":")[0],
        tenant="local",
        type="track.failed",
        endpoint_id=endpoint_id("local", url),
        url=url,
        body=b'{"type":"track.failed","timestamp":"2026-01-02T03:04:05Z","data":{}}',
        created_at=now,
        since=now,
        next_at=now,
        wake_at=now,
    )


def push(data: bytes) -> Push:
    return Push(
        id="1",
        time=datetime.now(UTC),
        source="//pubsub.googleapis.com/x",
        data=data,
        attributes={},
        message_id="1",
        attempt=1,
        subscription="x",
    )


def ended(store: FirestoreStore, url: str = "", **changes: Any) -> tuple[str, Push]:
    """A failed track and the message that announces it; (webhook id, message)."""
    request_id = stored_track(store, callback_url=url, **changes)
    error = failure(Code.MODEL_REJECTED, "no")

    def judge(_track: Track, _now: datetime) -> Ending:
        return Ending(Status.FAILED, error=error)

    end(store, request_id, judge, nonce=uuid.uuid4().hex, source=SOURCE, timing=TIMING)
    (announcement,) = document(store, request_id).announcements
    published = frozenset({announcement.event_id})
    note(store, request_id, lambda track: rules.marked(track, published=published))
    return webhook_id(announcement.event_id), push(announcement.data)


def document(store: FirestoreStore, request_id: str) -> Track:
    track = store.get(TRACKS, request_id).value
    assert track is not None
    return track
