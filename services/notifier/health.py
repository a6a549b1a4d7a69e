"""How an endpoint is doing: failing since when, and when it is disabled."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from services.notifier.delivery import GONE
from shared.clock import seconds
from shared.endings import ROUNDS
from shared.errors import CommitUnclear, StoreUnavailable
from shared.ports import Create, Snapshot, Store, Update
from shared.webhooks import ENDPOINTS, Delivery, Endpoint, endpoint_url

log = logging.getLogger(__name__)

FAILING: Final = "failing"
MOST_FAILING_SECONDS: Final = 5 * 86_400.0
"""So long without one success, and an endpoint is disabled."""
QUIET_SECONDS: Final = 3 * 86_400.0
"""A failure this long after the one before begins anew: longer than any gap of the schedule."""
_NOTED: Final = timedelta(hours=1)
"""An outcome is written down again after this long: no document may be written at each webhook."""

Change = Callable[[Endpoint, datetime], Endpoint]


def after_success(endpoint: Endpoint, now: datetime) -> Endpoint:
    """Whatever had failed before is forgotten; what is disabled stays so."""
    noted = endpoint.succeeded_at
    if noted and not endpoint.failing_since and now - noted < _NOTED:
        return endpoint
    return replace(endpoint, succeeded_at=now, failing_since=None)


def after_failure(endpoint: Endpoint, now: datetime, *, gone: bool, scale: float) -> Endpoint:
    """Disabled at once by a 410, else when nothing has succeeded for too long."""
    if endpoint.disabled_at:
        return endpoint
    last = endpoint.failed_at
    quiet = last is not None and now - last >= seconds(QUIET_SECONDS * scale)
    since = now if quiet else endpoint.failing_since or now
    if gone or now - since >= seconds(MOST_FAILING_SECONDS * scale):
        reason = GONE if gone else FAILING
        return replace(endpoint, failing_since=since, failed_at=now, disabled_at=now, reason=reason)
    news = since != endpoint.failing_since or last is None or now - last >= _NOTED * scale
    return replace(endpoint, failing_since=since, failed_at=now) if news else endpoint


class Health:
    """The documents of endpoints; thread-safe, one per process."""

    def __init__(self, *, store: Store, scale: float = 1.0) -> None:
        """*scale* is that of the schedule."""
        self._store = store
        self._scale = scale

    def look(self, endpoint_id: str) -> Snapshot[Endpoint]:
        """The endpoint as it is.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        return self._store.get(ENDPOINTS, endpoint_id)

    def succeeded(self, row: Delivery, seen: Snapshot[Endpoint]) -> None:
        """Note a success, if that is news. *seen*: what the caller knows of the endpoint."""
        self._change(row, seen, after_success)

    def failed(self, row: Delivery, seen: Snapshot[Endpoint], *, gone: bool) -> None:
        """Note a failure, if that is news."""

        def change(endpoint: Endpoint, now: datetime) -> Endpoint:
            return after_failure(endpoint, now, gone=gone, scale=self._scale)

        self._change(row, seen, change)

    def _change(self, row: Delivery, seen: Snapshot[Endpoint], change: Change) -> None:
        for _ in range(ROUNDS):
            now = self._store.clock.now()
            before = seen.value or _new(row, now)
            after = change(before, now)
            if after == seen.value:
                return
            try:
                self._store.commit(_written(seen, after))
            except CommitUnclear:
                seen = self.look(row.endpoint_id)
                continue
            if after.disabled_at and not before.disabled_at:
                log.warning(
                    "endpoint disabled",
                    extra={"endpoint": after.endpoint_id, "code": after.reason},
                )
            return
        raise StoreUnavailable("an endpoint found no quiet moment")


def _new(row: Delivery, now: datetime) -> Endpoint:
    return Endpoint(
        endpoint_id=row.endpoint_id,
        tenant=row.tenant,
        url=endpoint_url(row.url),
        created_at=now,
    )


def _written(seen: Snapshot[Endpoint], endpoint: Endpoint) -> Create[Endpoint] | Update[Endpoint]:
    if seen.version is None:
        return Create(ENDPOINTS, endpoint.endpoint_id, endpoint)
    return Update(ENDPOINTS, endpoint.endpoint_id, endpoint, seen.version)
