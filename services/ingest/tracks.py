"""The use cases of the public API: submit, get, cancel, retry."""

import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared import live, rules, shutdown
from shared.clock import seconds
from shared.endings import ROUNDS, Ending, announce, end
from shared.errors import CommitUnclear, RetryableError, StoreUnavailable
from shared.failpoints import failpoint
from shared.messages import TrackRequest, request_attributes
from shared.ports import Create, Publisher, Snapshot, Store, Update
from shared.timing import Timing
from shared.track import TRACKS, Status, Track
from shared.webhooks import DELIVERIES, Delivery, webhook_id

SOURCE: Final = "ingest"
_NAMESPACE: Final = uuid.UUID("6f7469b6-4d6f-7469-8000-6d6f74696601")
_POLL: Final = 0.25


def _nothing() -> None:
    """Admit everybody."""


class NoSuchTrack(Exception):
    """There is none, or it is another tenant's."""


class KeyReused(Exception):
    """The idempotency key came before, with another body."""


class NotRetryable(Exception):
    """Only failed and expired tracks can run again; the argument is the track's status."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the edge accepted it."""

    tenant: str
    request: TrackRequest
    fingerprint: str
    lifetime: int
    """Seconds from submit to deadline."""
    key: str = ""
    """The idempotency key, if one was sent."""


class Tracks:
    """Use cases over the store; thread-safe, one per process."""

    def __init__(
        self,
        *,
        store: Store,
        requests: Publisher,
        events: Publisher,
        progress: Publisher,
        timing: Timing,
        waiters: int = 32,
    ) -> None:
        """*requests* wakes the generator, *events* carries endings, *progress* live events.

        *waiters* may wait at once.
        """
        self._waiters = threading.BoundedSemaphore(waiters)
        self._store = store
        self._requests = requests
        self._events = events
        self._progress = progress
        self._timing = timing

    def submit(self, asked: Asked, admit: Callable[[], None] = _nothing) -> tuple[Track, bool]:
        """Accept a request once; return the track, and whether it was there before.

        *admit* is asked only about new requests, and raises when it refuses one.

        Raises:
            KeyReused: another body came under this key.
            StoreUnavailable: nothing is known to be accepted.
        """
        request_id = str(keyed(asked.tenant, asked.key) if asked.key else uuid.uuid4())
        nonce = uuid.uuid4().hex
        for _ in range(ROUNDS):
            seen = self._store.get(TRACKS, request_id)
            now = self._store.clock.now()
            if seen.value is not None and not seen.value.expired(now):
                return self._submitted(seen.value, asked, nonce)
            admit()
            track = rules.new_track(
                asked.request,
                request_id=request_id,
                tenant=asked.tenant,
                fingerprint=asked.fingerprint,
                lifetime=asked.lifetime,
                nonce=nonce,
                now=now,
                timing=self._timing,
            )
            new = Create(TRACKS, request_id, track)
            try:
                self._store.commit(replaced(seen, track) if seen.version else new)
            except CommitUnclear:
                continue
            failpoint("after_submit_commit", request_id)
            return self._submitted(track, asked, nonce)
        raise StoreUnavailable("a submit found no quiet moment")

    def _submitted(self, track: Track, asked: Asked, nonce: str) -> tuple[Track, bool]:
        if track.fingerprint != asked.fingerprint:
            raise KeyReused(asked.key)
        if track.run_nonce != nonce:
            return track, True
        self._wake(track)
        return track, False

    def _wake(self, track: Track) -> None:
        message = track.command()
        try:
            self._requests.publish(message, request_attributes(message, SOURCE))
        except RetryableError:
            pass  # accepted is accepted: the track's wake_at repeats the message
        else:
            failpoint("after_publish_request", track.request_id)
        if live.wanted(track, "queued"):
            at = track.queued_at or track.created_at
            live.tell(self._progress, live.event(track, "queued", at), SOURCE)

    def get(self, tenant: str, request_id: str) -> Snapshot[Track]:
        """One track of this tenant.

        Raises:
            NoSuchTrack: none that this tenant may see.
            StoreUnavailable: Firestore does not answer.
        """
        seen = self._store.get(TRACKS, request_id)
        track, now = seen.value, self._store.clock.now()
        if track is None or track.tenant != tenant or track.expired(now):
            raise NoSuchTrack(request_id)
        return seen

    def wait(self, tenant: str, request_id: str, patience: float) -> Snapshot[Track]:
        """The track as soon as it has ended, or as it is after *patience* seconds.

        When too many wait already, the answer is the track as it is: no request starves another.
        """
        seen = self.get(tenant, request_id)
        if not patience or not self._waiters.acquire(blocking=False):
            return seen
        try:
            return self._waited(seen, tenant, patience)
        finally:
            self._waiters.release()

    def _waited(self, seen: Snapshot[Track], tenant: str, patience: float) -> Snapshot[Track]:
        until = self._store.clock.now() + seconds(patience)
        while not _value(seen).status.ended and self._store.clock.now() < until:
            if shutdown.wait(_POLL):
                break
            seen = self.get(tenant, seen.id)
        return seen

    def delivery(self, track: Track) -> Delivery | None:
        """The webhook of the newest ending; None: the notifier has none, or none any more."""
        if not (track.request.callback_url and track.announcements):
            return None
        newest = webhook_id(track.announcements[-1].event_id)
        row = self._store.get(DELIVERIES, newest).value
        return None if row and row.expired(self._store.clock.now()) else row

    def cancel(self, tenant: str, request_id: str) -> str:
        """Cancel: ``cancelled``, ``cancelling`` (a worker has it) or ``already_finished``.

        Raises:
            NoSuchTrack, StoreUnavailable: as ``get``.
        """
        nonce = uuid.uuid4().hex
        for _ in range(ROUNDS):
            seen = self.get(tenant, request_id)
            track = _value(seen)
            if any(a.nonce == nonce for a in track.announcements):
                return "cancelled"
            if track.status.ended:
                return "already_finished"
            if track.live(self._store.clock.now()):
                if track.cancel_requested or self._update(seen, _wish(track)):
                    return "cancelling"
            elif self._end_cancelled(track, nonce):
                return "cancelled"
        raise StoreUnavailable("a cancel found no quiet moment")

    def _end_cancelled(self, track: Track, nonce: str) -> bool:
        def judge(now_seen: Track, now: datetime) -> Ending | None:
            free = now_seen.run == track.run and not now_seen.live(now)
            return Ending(Status.CANCELLED) if free else None

        request_id = track.request_id
        if not end(self._store, request_id, judge, nonce=nonce, source=SOURCE, timing=self._timing):
            return False
        with suppress(StoreUnavailable):  # cancelled it is; the sweeper announces it
            announce(self._store, self._events, request_id, nonce=nonce)
        return True

    def retry(self, tenant: str, request_id: str) -> Track:
        """Run a failed or expired track again; clips already paid for are kept.

        Raises:
            NotRetryable: it has not ended, or ended well, or somebody else was first.
            NoSuchTrack, StoreUnavailable: as ``get``.
        """
        nonce, run = uuid.uuid4().hex, 0
        for _ in range(ROUNDS):
            seen = self.get(tenant, request_id)
            track = _value(seen)
            if track.run_nonce == nonce:
                self._wake(track)
                return track
            over = track.status in (Status.FAILED, Status.EXPIRED)
            if not over or track.run != (run or track.run) or run >= rules.MAX_RUNS:
                raise NotRetryable(track.status)
            run = track.run
            again = rules.retried(track, nonce, self._store.clock.now(), self._timing)
            if self._update(seen, again):
                failpoint("after_retry_commit", request_id)
                self._wake(again)
                return again
        raise StoreUnavailable("a retry found no quiet moment")

    def _update(self, seen: Snapshot[Track], track: Track) -> bool:
        try:
            self._store.commit(replaced(seen, track))
        except CommitUnclear:
            return False
        return True


def replaced(seen: Snapshot[Track], track: Track) -> Update[Track]:
    """*track* in the place of what was seen."""
    assert seen.version is not None  # noqa: S101 - it was there
    return Update(TRACKS, seen.id, track, seen.version)


def keyed(tenant: str, key: str) -> uuid.UUID:
    """The request id that an idempotency key stands for."""
    return uuid.uuid5(uuid.uuid5(_NAMESPACE, tenant), key)


def _wish(track: Track) -> Track:
    return replace(track, cancel_requested=True)


def _value(seen: Snapshot[Track]) -> Track:
    assert seen.value is not None  # noqa: S101 - `get` raises otherwise
    return seen.value
