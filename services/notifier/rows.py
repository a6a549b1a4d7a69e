"""Every write of a delivery's row: conditional on what was seen, judged anew when it is not so."""

import random
from collections.abc import Callable
from datetime import datetime

from services.notifier import delivery
from services.notifier.delivery import Answer
from shared.clock import seconds
from shared.endings import ROUNDS
from shared.errors import CommitUnclear, StoreUnavailable
from shared.ports import Snapshot, Store, Update
from shared.timing import Timing
from shared.webhooks import DELIVERIES, ENDPOINTS, Delivery, Endpoint, State

Judge = Callable[[Delivery, datetime], Delivery | None]
"""The row as it should become, at the store's time; None: leave it as it is."""


class Rows:
    """The rows of deliveries; thread-safe, one per process."""

    def __init__(
        self,
        *,
        store: Store,
        timing: Timing,
        scale: float = 1.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """*scale* multiplies the schedule; *jitter* gives numbers from 0 to 1."""
        self._store = store
        self._timing = timing
        self._scale = scale
        self._jitter = jitter

    def get(self, webhook_id: str) -> Snapshot[Delivery]:
        """The row as it is.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        return self._store.get(DELIVERIES, webhook_id)

    def now(self) -> datetime:
        """The store's time."""
        return self._store.clock.now()

    def due(self, row: Delivery) -> bool:
        """Whether an attempt is wanted, and nobody is making it."""
        at, now = delivery.wanted(row), self.now()
        return at is not None and at <= now and not row.live(now)

    def take(self, seen: Snapshot[Delivery], holder: str) -> Snapshot[Delivery]:
        """Start the attempt that is due; the row is ours when it then has our *holder*.

        Raises:
            StoreUnavailable: Firestore gave no verdict.
        """

        def judge(row: Delivery, now: datetime) -> Delivery | None:
            if row.holder == holder or not self.due(row):
                return None
            if row.starts < delivery.MAX_STARTS:
                return delivery.taken(row, holder, now, self._timing)
            started_at = (row.lease_expires_at or now) - seconds(self._timing.delivery_lease)
            return self._failed(row, Answer(code=delivery.NO_RESULT), started_at, now)

        return self._changed(seen, judge)

    def record(
        self, taken: Snapshot[Delivery], answer: Answer, started_at: datetime
    ) -> Snapshot[Delivery]:
        """Write a result: a success by whoever has it, anything else only under its lease.

        Raises:
            StoreUnavailable: Firestore gave no verdict.
        """
        assert taken.value is not None  # noqa: S101 - somebody has taken it
        holder, number = taken.value.holder, len(taken.value.attempts)

        def judge(row: Delivery, now: datetime) -> Delivery | None:
            ours = (row.holder, len(row.attempts)) == (holder, number)
            if not ours and (not answer.accepted or row.state is State.DELIVERED):
                return None
            if answer.trouble:
                return self._troubled(row, now)
            if answer.accepted:
                return delivery.succeeded(row, answer.attempt(row, started_at), now)
            return self._failed(row, answer, started_at, now)

        return self._changed(taken, judge)

    def trouble(self, seen: Snapshot[Delivery]) -> Snapshot[Delivery]:
        """Something of ours is in the way of a row that is due.

        Raises:
            StoreUnavailable: Firestore gave no verdict.
        """

        def judge(row: Delivery, now: datetime) -> Delivery | None:
            return self._troubled(row, now) if self.due(row) else None

        return self._changed(seen, judge)

    def hold(self, seen: Snapshot[Delivery], endpoint: Snapshot[Endpoint]) -> Snapshot[Delivery]:
        """Its endpoint is disabled, and still is when this is written; else the row stays due.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        row, same = seen.value, endpoint.value
        assert row is not None  # noqa: S101 - it was due
        assert seen.version is not None  # noqa: S101 - so it has a version
        assert same is not None  # noqa: S101 - it was disabled
        assert endpoint.version is not None  # noqa: S101 - so this has one too
        held = delivery.held(row)
        try:
            time = self._store.commit(
                Update(DELIVERIES, seen.id, held, seen.version),
                Update(ENDPOINTS, endpoint.id, same, endpoint.version),
            )
        except CommitUnclear:
            return self.get(seen.id)
        return Snapshot(seen.id, held, time, time)

    def release(self, seen: Snapshot[Delivery]) -> Snapshot[Delivery]:
        """Its endpoint is enabled again.

        Raises:
            StoreUnavailable: Firestore gave no verdict.
        """

        def judge(row: Delivery, now: datetime) -> Delivery | None:
            free = row.state is State.HELD and not row.live(now) and not row.expired(now)
            return delivery.released(row, now) if free else None

        return self._changed(seen, judge)

    def move_on(self, seen: Snapshot[Delivery]) -> Snapshot[Delivery]:
        """It was due and found no place.

        Raises:
            StoreUnavailable: Firestore gave no verdict.
        """

        def judge(row: Delivery, now: datetime) -> Delivery | None:
            return delivery.moved_on(row, now, self._timing) if self.due(row) else None

        return self._changed(seen, judge)

    def _changed(self, seen: Snapshot[Delivery], judge: Judge) -> Snapshot[Delivery]:
        for _ in range(ROUNDS):
            if seen.value is None or seen.version is None:
                return seen
            row = judge(seen.value, self.now())
            if row is None:
                return seen
            try:
                time = self._store.commit(Update(DELIVERIES, seen.id, row, seen.version))
            except CommitUnclear:
                seen = self.get(seen.id)
                continue
            return Snapshot(seen.id, row, time, time)
        raise StoreUnavailable("a delivery found no quiet moment")

    def _troubled(self, row: Delivery, now: datetime) -> Delivery:
        return delivery.troubled(row, now, scale=self._scale, jitter=self._jitter())

    def _failed(
        self, row: Delivery, answer: Answer, started_at: datetime, now: datetime
    ) -> Delivery:
        attempt = answer.attempt(row, started_at)
        return delivery.failed(row, attempt, answer, now, scale=self._scale, jitter=self._jitter())
