"""The use cases of a tenant's endpoints: list, look, enable."""

from dataclasses import replace
from typing import Final

from services.ingest.edge.cursors import Cursor, Page, Window
from shared.endings import ROUNDS
from shared.errors import CommitUnclear, StoreUnavailable
from shared.ports import Snapshot, Store, Update
from shared.webhooks import ENDPOINTS, Endpoint, endpoint_id

_ORDER: Final = "created_at"


class NoSuchEndpoint(Exception):
    """There is none, or it is another tenant's."""


class Endpoints:
    """Use cases over the store; thread-safe, one per process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, tenant: str, endpoint: str) -> Endpoint:
        """One endpoint of this tenant.

        Raises:
            NoSuchEndpoint: none that this tenant may see.
            StoreUnavailable: Firestore does not answer.
        """
        return _visible(self._store.get(ENDPOINTS, endpoint), tenant)

    def of(self, tenant: str, url: str) -> Endpoint | None:
        """The endpoint that *url* belongs to; None: nothing was sent there yet.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        return self._store.get(ENDPOINTS, endpoint_id(tenant, url)).value

    def list(self, tenant: str, window: Window) -> Page[Endpoint]:
        """Endpoints that something was sent to.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        found = self._store.find(
            ENDPOINTS,
            {"tenant": tenant},
            order=_ORDER,
            after=window.after,
            limit=window.limit + 1,
        )
        rows = tuple(seen.value for seen in found[: window.limit] if seen.value)
        last = Cursor(rows[-1].created_at, rows[-1].endpoint_id) if rows else window.after
        return Page(rows, last, len(found) > window.limit)

    def enable(self, tenant: str, endpoint: str) -> Endpoint:
        """Have webhooks sent there again; the notifier's sweep releases what was held.

        One that is enabled already is looked through all the same.

        Raises:
            NoSuchEndpoint, StoreUnavailable: as ``get``.
        """
        for _ in range(ROUNDS):
            seen = self._store.get(ENDPOINTS, endpoint)
            found = _visible(seen, tenant)
            if found.disabled_at is None and found.wake_at is not None:
                return found
            enabled = replace(
                found,
                disabled_at=None,
                failing_since=None,
                reason="",
                wake_at=self._store.clock.now(),
            )
            assert seen.version is not None  # noqa: S101 - it is visible
            try:
                self._store.commit(Update(ENDPOINTS, seen.id, enabled, seen.version))
            except CommitUnclear:
                continue
            return enabled
        raise StoreUnavailable("an endpoint found no quiet moment")


def _visible(seen: Snapshot[Endpoint], tenant: str) -> Endpoint:
    if seen.value is None or seen.value.tenant != tenant:
        raise NoSuchEndpoint(seen.id)
    return seen.value
