"""An endpoint was enabled: what was held for it becomes due again."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from services.notifier.delivery import RETENTION
from services.notifier.rows import Rows
from shared import shutdown
from shared.clock import seconds
from shared.errors import CommitUnclear
from shared.ports import Snapshot, Store, Update
from shared.sweep import sweep
from shared.timing import Timing
from shared.webhooks import DELIVERIES, ENDPOINTS, Delivery, Endpoint, State

_AT_ONCE: Final = 200
_BEFORE_ALL: Final = "-"
"""An id in front of those of all deliveries; Firestore takes no empty one."""


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
        while not shutdown.stopping() and self._enabled(seen.id):
            held = self._held(seen.id)
            if not held:
                self._done(moved)
                return
            released = [self._released(row) for row in held]
            if not any(released):
                return  # they are being redelivered: the next look releases them

    def _enabled(self, endpoint_id: str) -> bool:
        """Still: what is released from a disabled one is held again at once, without end."""
        endpoint = self._store.get(ENDPOINTS, endpoint_id).value
        return endpoint is not None and endpoint.disabled_at is None

    def _released(self, row: Snapshot[Delivery]) -> bool:
        after = self._rows.release(row).value
        return after is not None and after.state is not State.HELD

    def _held(self, endpoint_id: str) -> Sequence[Snapshot[Delivery]]:
        oldest = self._store.clock.now() - RETENTION
        return self._store.find(
            DELIVERIES,
            {"endpoint_id": endpoint_id, "state": State.HELD.value},
            order="created_at",
            after=(oldest, _BEFORE_ALL),
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
