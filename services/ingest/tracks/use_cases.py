"""The use cases of the public API: submit, get, cancel, retry."""

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.ingest.live.hub import Deleted, Hub
from services.ingest.tracks import eta
from services.ingest.tracks.asked import (
    Asked,
    KeyReused,
    MovedOn,
    NoSuchTrack,
    NotRetryable,
    WasErased,
    keyed,
)
from shared import live, rules, signals, tracing
from shared.endings import ROUNDS, Ending, announce, end
from shared.errors import CommitUnclear, RetryableError, StoreUnavailable
from shared.failpoints import failpoint
from shared.logs import log_context
from shared.messages import TrackRequest, request_attributes
from shared.ports import Create, Publisher, Snapshot, Store, Update
from shared.retrying import retried
from shared.spend import Run
from shared.timing import Timing
from shared.track import NO_DEBIT, TRACKS, Debit, Promise, Status, Track
from shared.webhooks import DELIVERIES, Delivery, webhook_id

SOURCE: Final = "ingest"

_MOST_TO_TELL: Final = 2**19
"""Bytes of endings that nobody was told of yet: a document of Firestore's ends at 1 MiB."""

Admit = Callable[[Run, TrackRequest], Debit]


def _everybody(_: Run, __: TrackRequest) -> Debit:
    return NO_DEBIT


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
        promise: Callable[[TrackRequest, datetime], Promise] = eta.prior,
        hub: Hub | None = None,
    ) -> None:
        """*requests* wakes the generator, *events* carries endings, *progress* live events.

        *waiters* may wait at once. *promise* tells when a request that is queued now will end.
        *hub*: where those wait, with others who watch the same tracks.
        """
        self._waiters = threading.BoundedSemaphore(waiters)
        self._store = store
        self._requests = requests
        self._events = events
        self._progress = progress
        self._timing = timing
        self._promise = promise
        self._hub = hub or Hub(store)

    def submit(self, asked: Asked, admit: Admit = _everybody) -> tuple[Track, bool]:
        """Accept a request once; return the track, and whether it was there before.

        *admit* is asked only about new requests, each time before one is committed, and raises
        when it refuses one.

        Raises:
            KeyReused: another body came under this key.
            WasErased: this key's track was erased; nothing remains to compare with.
            StoreUnavailable: nothing is known to be accepted.
        """
        request_id = str(keyed(asked.tenant, asked.key) if asked.key else uuid.uuid4())
        nonce = uuid.uuid4().hex
        for count in range(ROUNDS):
            certain = not (asked.key or count) and self._store.clock.is_set
            seen = self._absent(request_id) if certain else self._store.get(TRACKS, request_id)
            now = self._store.clock.now()
            if seen.value is not None and not seen.value.expired(now):
                return self._submitted(seen.value, asked, nonce)
            debit = admit(Run(request_id=request_id, number=1, nonce=nonce), asked.request)
            track = rules.new_track(
                asked.request,
                request_id=request_id,
                tenant=asked.tenant,
                fingerprint=asked.fingerprint,
                lifetime=asked.lifetime,
                nonce=nonce,
                traceparent=tracing.kept(),
                promise=self._promise(asked.request, now),
                debit=debit,
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

    def _absent(self, request_id: str) -> Snapshot[Track]:
        """What a look at an id would show that has just been made up."""
        return Snapshot(request_id, None, None, self._store.clock.now())

    def _submitted(self, track: Track, asked: Asked, nonce: str) -> tuple[Track, bool]:
        if track.erased:
            raise WasErased(asked.key)
        if track.fingerprint != asked.fingerprint:
            raise KeyReused(asked.key)
        if track.run_nonce != nonce:
            return track, True
        self._accepted(track)
        return track, False

    def _accepted(self, track: Track) -> None:
        with log_context(request_id=track.request_id, run=track.run, tenant=track.tenant):
            signals.tell(
                signals.TRACK_SUBMITTED,
                clips=rules.clips(track.request),
                quote_usd=track.quote_usd,
                style=track.request.style,
            )
            self._wake(track)

    def _wake(self, track: Track) -> None:
        message = track.command()
        try:
            with tracing.publishing(message.type, track.traceparent) as carried:
                attributes = request_attributes(message, SOURCE) | carried
                self._requests.publish(message, attributes)
        except RetryableError:
            pass  # accepted is accepted: the track's wake_at repeats the message
        else:
            failpoint("after_publish_request", track.request_id)
        if live.wanted(track, "queued"):
            at = track.queued_at or track.created_at
            live.tell(self._progress, live.event(track, "queued", at), SOURCE, track.traceparent)

    def get(self, tenant: str, request_id: str) -> Snapshot[Track]:
        """One track of this tenant.

        Raises:
            NoSuchTrack: none that this tenant may see.
            StoreUnavailable: Firestore does not answer.
        """
        seen = self._store.get(TRACKS, request_id)
        track, now = seen.value, self._store.clock.now()
        if track is None or track.tenant != tenant or track.gone(now):
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
            return self._waited(seen, patience)
        finally:
            self._waiters.release()

    def _waited(self, seen: Snapshot[Track], patience: float) -> Snapshot[Track]:
        until = time.monotonic() + patience
        try:
            with self._hub.watch(seen) as watch:
                while not watch.newest.track.status.ended:
                    left = until - time.monotonic()
                    if left <= 0 or watch.next(left) is None:
                        break
                return watch.newest.seen
        except Deleted:
            raise NoSuchTrack(seen.id) from None

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

    def retry(self, tenant: str, request_id: str, admit: Admit = _everybody) -> Track:
        """Run a failed or expired track again; clips already paid for are kept.

        *admit*: as for ``submit``.

        Raises:
            NotRetryable: it has not ended, or ended well, or somebody else was first.
            NoSuchTrack, StoreUnavailable: as ``get``.
        """
        nonce, run = uuid.uuid4().hex, 0
        for _ in range(ROUNDS):
            seen = self.get(tenant, request_id)
            track = _value(seen)
            if track.run_nonce == nonce:
                self._accepted(track)
                return track
            over = track.status in (Status.FAILED, Status.EXPIRED)
            if run and track.run > run + 1:
                raise MovedOn(track.status)
            if not over or track.run != (run or track.run) or run >= rules.MAX_RUNS:
                raise NotRetryable(track.status)
            if sum(len(a.data) for a in track.announcements) > _MOST_TO_TELL:
                raise StoreUnavailable("earlier endings have to be told first")
            run = track.run
            now = self._store.clock.now()
            promise = self._promise(track.request, now)
            debit = admit(Run(request_id=seen.id, number=run + 1, nonce=nonce), track.request)
            again = retried(
                track,
                nonce,
                now,
                self._timing,
                traceparent=tracing.kept(),
                promise=promise,
                debit=debit,
            )
            if self._update(seen, again):
                failpoint("after_retry_commit", request_id)
                tracing.link(track.traceparent)
                self._accepted(again)
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


def _wish(track: Track) -> Track:
    return replace(track, cancel_requested=True)


def _value(seen: Snapshot[Track]) -> Track:
    assert seen.value is not None  # noqa: S101 - `get` raises otherwise
    return seen.value
