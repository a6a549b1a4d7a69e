"""The attempts of one delivery: taken, made and recorded, by push and sweeper alike."""

import logging
import random
import uuid
from collections.abc import Callable
from datetime import datetime

from services.notifier import delivery, signing
from services.notifier.delivery import Answer
from services.notifier.egress import Egress
from shared import shutdown
from shared.clock import seconds
from shared.endings import ROUNDS
from shared.errors import CommitUnclear, RetryableError, StoreUnavailable
from shared.failpoints import failpoint
from shared.logs import log_context
from shared.ports import Snapshot, Store, Update
from shared.timing import Timing
from shared.track import DELIVERIES, Delivery

log = logging.getLogger(__name__)


class Sender:
    """Makes attempts; thread-safe, one per process."""

    def __init__(
        self,
        *,
        store: Store,
        egress: Egress,
        keys: signing.Keys,
        timing: Timing,
        scale: float = 1.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """*scale* multiplies the schedule; *jitter* gives numbers from 0 to 1."""
        self._store = store
        self._egress = egress
        self._keys = keys
        self._timing = timing
        self._scale = scale
        self._jitter = jitter

    def attempt(self, delivery_id: str, seen: Snapshot[Delivery] | None = None) -> float | None:
        """Make the attempt that is due, if nobody else makes it.

        *seen*: what the caller knows of the row; an older version is read again.

        Returns:
            Seconds until the next attempt is due; None when there is none, or another is at it.

        Raises:
            RetryableError: the process is going away, or Firestore gave no verdict.
        """
        if shutdown.stopping():
            raise RetryableError("this instance is stopping", code="stopping")
        seen = seen or self._store.get(DELIVERIES, delivery_id)
        holder = uuid.uuid4().hex
        row = self._take(seen, holder)
        if row is not None and row.holder == holder:
            with log_context(track=row.request_id, tenant=row.tenant, webhook_id=row.webhook_id):
                failpoint("after_take_attempt", row.request_id)
                row = self._make(row)
        if row is None or row.wake_at is None:
            return None
        return max(0.0, (row.wake_at - self._store.clock.now()).total_seconds())

    def _take(self, seen: Snapshot[Delivery], holder: str) -> Delivery | None:
        """The row, ours when it has our *holder*; None: over, or another's."""
        for _ in range(ROUNDS):
            row, now = seen.value, self._store.clock.now()
            if row is None or seen.version is None or row.state != delivery.PENDING:
                return None
            if row.holder == holder:
                return row
            if delivery.live(row, now):
                return None
            if row.wake_at is not None and row.wake_at > now:
                return row
            moved = self._moved(row, holder, now)
            try:
                self._store.commit(Update(DELIVERIES, seen.id, moved, seen.version))
            except CommitUnclear:
                seen = self._store.get(DELIVERIES, seen.id)
                continue
            return moved
        raise StoreUnavailable("an attempt found no quiet moment to start")

    def _moved(self, row: Delivery, holder: str, now: datetime) -> Delivery:
        if row.starts < delivery.MAX_STARTS:
            return delivery.taken(row, holder, now, self._timing)
        started_at = (row.lease_expires_at or now) - seconds(self._timing.delivery_lease)
        return self._failed(row, Answer(code=delivery.NO_RESULT), started_at, now)

    def _make(self, taken: Delivery) -> Delivery | None:
        started_at = self._store.clock.now()
        timestamp = int(started_at.timestamp())
        headers = signing.headers(self._keys, taken.webhook_id, timestamp, taken.body)
        answer = self._egress.post(taken.url, headers, taken.body)
        log.info(
            "webhook attempt",
            extra={
                "number": taken.failed + 1,
                "status": answer.status,
                "code": answer.code,
                "milliseconds": answer.milliseconds,
            },
        )
        failpoint("after_webhook_sent", taken.request_id)
        return self._record(taken, answer, started_at)

    def _record(self, taken: Delivery, answer: Answer, started_at: datetime) -> Delivery | None:
        """Write the result: a success by whoever has it, a failure only under its lease."""
        for _ in range(ROUNDS):
            seen = self._store.get(DELIVERIES, taken.event_id)
            row, now = seen.value, self._store.clock.now()
            if row is None or seen.version is None or row.state == delivery.DELIVERED:
                return None
            if answer.accepted:
                attempt = answer.attempt(taken.failed + 1, started_at)
                done = delivery.succeeded(row, attempt, now)
            elif (row.holder, row.failed) == (taken.holder, taken.failed):
                done = self._failed(row, answer, started_at, now)
            else:
                return None
            try:
                self._store.commit(Update(DELIVERIES, seen.id, done, seen.version))
            except CommitUnclear:
                continue
            return done
        raise StoreUnavailable("a result found no quiet moment to be recorded")

    def _failed(
        self, row: Delivery, answer: Answer, started_at: datetime, now: datetime
    ) -> Delivery:
        attempt = answer.attempt(row.failed + 1, started_at)
        return delivery.failed(row, attempt, answer, now, scale=self._scale, jitter=self._jitter())
