"""How many looks a tenant may have: each is paid by us, and billed to nobody."""

from typing import Final

from services.ingest.prompts import refusals
from shared.allowance import Allowance
from shared.ports import Store
from shared.recent import Recent

_TENANTS: Final = 1000
_MINUTE: Final = 60
_DAY: Final = 24 * 3600


class Rations:
    """A bucket a minute deep and one a day deep for each tenant; thread-safe, one per process."""

    def __init__(self, store: Store, *, per_minute: int, per_day: int) -> None:
        """*store* holds the buckets, for all instances."""
        self._store = store
        self._per_minute = per_minute
        self._per_day = per_day
        self._minutes = Recent(self._minute, most=_TENANTS)
        self._days = Recent(self._day, most=_TENANTS)

    def take(self, tenant: str) -> None:
        """Take one look of *tenant*'s.

        Raises:
            Problem: 429, there is none.
            StoreUnavailable: Firestore does not answer.
        """
        minute = self._minutes.get(tenant)
        if wait := minute.take():
            raise refusals.too_many(self._per_minute, "minute", wait)
        if wait := self._days.get(tenant).take():
            minute.untake()
            raise refusals.too_many(self._per_day, "day", wait)

    def untake(self, tenant: str) -> None:
        """Return one that was taken: nobody has looked."""
        self._minutes.get(tenant).untake()
        self._days.get(tenant).untake()

    def _minute(self, tenant: str) -> Allowance:
        return self._bucket(f"images-{tenant}", self._per_minute, _MINUTE)

    def _day(self, tenant: str) -> Allowance:
        return self._bucket(f"images-day-{tenant}", self._per_day, _DAY)

    def _bucket(self, name: str, depth: int, seconds: int) -> Allowance:
        return Allowance(
            self._store, name, depth=depth, per_second=depth / seconds, one_by_one=True
        )
