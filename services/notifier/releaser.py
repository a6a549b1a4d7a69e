"""An endpoint was enabled: what was held for it becomes due again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.notifier.rows import Rows
from shared import shutdown
from shared.clock import seconds
from shared.errors import CommitUnclear
from shared.ports import Snapshot, Store, Update
from shared.sweep import sweep
from shared.timing import Timing
from shared.webhooks import DELIVERIES, ENDPOINTS, Delivery, Endpoint, State

_AT_ONCE: Final = 200
_SHARE: Final = 0.5
"""Of a sweep period, at most, for one endpoint."""


class Releaser:
    """Wakes the endpoints that were enabled."""

    def __init__(self, *, store: Store, rows: Rows, timing: Timing) -> None:
        """*rows* are those of deliveries."""
        self._store = store
        self._rows = rows
        self._timing = timing

    def run(self) -> dict[str, int]:
        """One pass; see ``shared.sweep``."""
        return sweep(self._store, ENDPOINTS, self._wake, self._timing)

    def _wake(self, seen: Snapshot[Endpoint]) -> None:
        moved = self._moved(seen)
        # Deliveries are swept beside this: what takes longer goes on in the next pass.
        until = self._store.clock.now() + seconds(self._timing.sweep * _SHARE)
        after, missed = None, False
        while self._store.clock.now() < until and self._goes_on(seen.id):
            held = self._held(seen.id, after)
            outcomes = [self._released(row) for row in held]
            missed = missed or not all(outcomes)
            if len(held) < _AT_ONCE:
                if not missed:
                    self._done(moved)
                return
            after = _place(held[-1])

    def _goes_on(self, endpoint_id: str) -> bool:
        """Still enabled: else what is released is held again at once, without end."""
        endpoint = self._store.get(ENDPOINTS, endpoint_id).value
        return endpoint is not None and endpoint.disabled_at is None and not shutdown.stopping()

    def _released(self, row: Snapshot[Delivery]) -> bool:
        """Or over; False: it is being redelivered, and released at the next look."""
        after = self._rows.release(row).value
        over = after is None or after.expired(self._store.clock.now())
        return over or (after is not None and after.state is not State.HELD)

    def _held(
        self, endpoint_id: str, after: tuple[datetime, str] | None
    ) -> Sequence[Snapshot[Delivery]]:
        return self._store.find(
            DELIVERIES,
            {"endpoint_id": endpoint_id, "state": State.HELD.value},
            order="created_at",
            after=after,
            limit=_AT_ONCE,
        )

    def _moved(self, seen: Snapshot[Endpoint]) -> Snapshot[Endpoint]:
        assert seen.value is not None  # noqa: S101 - it was found by a field of it
        assert seen.version is not None  # noqa: S101 - so it has one
        later = self._store.clock.now() + seconds(self._timing.wake)
        endpoint = replace(seen.value, wake_at=None if seen.value.disabled_at else later)
        time = self._store.commit(Update(ENDPOINTS, seen.id, endpoint, seen.version))
        return Snapshot(seen.id, endpoint, time, time)

    def _done(self, moved: Snapshot[Endpoint]) -> None:
        assert moved.value is not None  # noqa: S101 - its caller has looked
        assert moved.version is not None  # noqa: S101 - so it has one
        endpoint = replace(moved.value, wake_at=None)
        try:
            self._store.commit(Update(ENDPOINTS, moved.id, endpoint, moved.version))
        except CommitUnclear:
            return  # enabled or disabled anew: the next look tells


def _place(row: Snapshot[Delivery]) -> tuple[datetime, str]:
    assert row.value is not None  # noqa: S101 - it was found by a field of it
    return row.value.created_at, row.id
