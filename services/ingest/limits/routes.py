"""``GET /v1/usage``: what a tenant has spent, day by day, and what is left of today's cap."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from services.ingest.edge.queries import refused
from services.ingest.identity.callers import Caller, caller
from shared.bucket import UNIT
from shared.ports import Store
from shared.spend import day_of
from shared.track import OPEN, TRACKS, USAGE

_DEFAULT: Final = 30
_MOST: Final = 90
_NUMBER: Final = re.compile("[0-9]{1,2}")
_FINAL_DAYS: Final = 9
"""A run ends, and gets its usage row, within 7 days and the length of a lease."""
_REMEMBERED: Final = 10_000
_AT_ONCE: Final = 8


class UsageRoutes:
    """The view, with what it needs; sums come from the store's own aggregation."""

    def __init__(self, store: Store) -> None:
        """*store* holds the tracks and the usage rows."""
        self._store = store
        self._of_old = lru_cache(maxsize=_REMEMBERED)(self._ended)

    def blueprint(self) -> Blueprint:
        """The one route."""
        api = Blueprint("usage", __name__, url_prefix="/v1")
        api.add_url_rule("/usage", view_func=self.usage, methods=["GET"])
        return api

    def usage(self) -> ResponseReturnValue:
        """Today and the days before it (UTC), newest first."""
        wanted, who = _days(), caller()
        # Before the clock is asked: it is set by the first answer.
        some_open = self._store.count(TRACKS, {"tenant": who.tenant, "status": OPEN}) > 0
        today = date.fromisoformat(day_of(self._store.clock.now()))

        def shown(ago: int) -> dict[str, Any]:
            return self._day(who, today - timedelta(days=ago), ago, some_open=some_open)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            days = list(pool.map(shown, range(wanted)))
        return {
            "tenant": who.tenant,
            "currency": "USD",
            "cap_usd": who.limits.daily_cap_usd,
            "days": days,
        }

    def _day(self, who: Caller, date_: date, ago: int, *, some_open: bool) -> dict[str, Any]:
        tenant, day, old = who.tenant, date_.isoformat(), ago > _FINAL_DAYS
        # First what is open: what ends in between is counted twice for a moment, never not at all.
        running, reserved = self._open(tenant, day) if some_open and not old else (0, 0)
        ended, billed = (self._of_old if old else self._ended)(tenant, day)
        cap = None if ago else who.limits.daily_cap_usd
        left = None if cap is None else max(0.0, round(cap - (billed + reserved) / UNIT, 6))
        return {
            "date": day,
            "tracks": ended + running,
            "billed_usd": billed / UNIT,
            "reserved_usd": reserved / UNIT,
            "cap_usd": cap,
            "left_usd": left,
        }

    def _open(self, tenant: str, day: str) -> tuple[int, int]:
        equal = {"tenant": tenant, "status": OPEN, "debit.day": day}
        count = self._store.count(TRACKS, equal)
        return count, self._store.total(TRACKS, "debit.quote", equal) if count else 0

    def _ended(self, tenant: str, day: str) -> tuple[int, int]:
        equal = {"tenant": tenant, "day": day}
        count = self._store.count(USAGE, equal)
        return count, self._store.total(USAGE, "billed", equal) if count else 0


def _days() -> int:
    text = request.args.get("days", str(_DEFAULT))
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= _MOST:
        raise refused("days", f"not a whole number from 1 to {_MOST}", "Use ?days=30.")
    return int(text)
