"""Requests a minute of a tenant's, over all instances: a token bucket, drawn in tenths.

A request costs no look at the store: an instance takes a tenth of a minute's requests at a time,
so that at most ten writes a minute and tenant come of it, and a tenant who is refused costs one
read for each block that it has to wait for. While the store is away, blocks are lent.
"""

import threading
import time
from dataclasses import dataclass
from math import ceil
from typing import Final

from flask import Flask, Response, current_app, g, request

from services.ingest.identity.callers import Caller, caller
from shared.allowance import Allowance
from shared.errors import StoreUnavailable
from shared.ports import Documents
from shared.problems import Problem
from shared.recent import Recent

_TENANTS: Final = 1000
_MINUTE: Final = 60
_SHARE: Final = 10
_LENT_SECONDS: Final = 5.0
"""So long after a look that came to nothing nobody waits for another."""
_EXTENSION: Final = "motif-rates"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a tenant stands after a request."""

    per_minute: int
    remaining: int
    """Requests that may follow at once, as this instance knows it."""
    wait: int
    """Seconds until there is more."""
    admitted: bool

    def headers(self) -> dict[str, str]:
        """``RateLimit`` fields as of draft-ietf-httpapi-ratelimit-headers-10."""
        return {
            "RateLimit-Policy": f'"requests";q={self.per_minute};w={_MINUTE}',
            "RateLimit": f'"requests";r={self.remaining};t={self.wait}',
        }


class Rate:
    """One tenant's bucket, as deep as its minute; thread-safe."""

    def __init__(self, store: Documents, tenant: str, per_minute: int) -> None:
        """*per_minute* is at least 1."""
        self._per_minute = per_minute
        self._per_second = per_minute / _MINUTE
        self._block = max(1, per_minute // _SHARE)
        self._bucket = Allowance(
            store,
            f"requests-{tenant}",
            depth=per_minute,
            per_second=self._per_second,
            one_by_one=True,
        )
        self._lock = threading.Lock()
        self._held = 0
        self._lent_until = 0.0
        self._looked_at = self._next_look = time.monotonic()

    def take(self) -> Standing:
        """Take one request; it is not admitted when there is none."""
        with self._lock:
            now = time.monotonic()
            if not self._held and now >= self._next_look:
                self._look(now)
            if not self._held:
                return Standing(self._per_minute, 0, ceil(self._next_look - now), admitted=False)
            self._held -= 1
            wait = ceil(1 / self._per_second)
            return Standing(self._per_minute, self._remaining(now), wait, admitted=True)

    def _look(self, now: float) -> None:
        wait = 0.0
        if now >= self._lent_until:
            try:
                wait = self._bucket.take(self._block)
            except StoreUnavailable:  # a limit must not be what takes the service down
                self._lent_until = time.monotonic() + _LENT_SECONDS
        self._looked_at = now
        self._next_look = now + wait
        self._held = 0 if wait else self._block

    def _remaining(self, now: float) -> int:
        flowed = (now - self._looked_at) * self._per_second
        return min(self._per_minute, self._held + int(self._bucket.left + flowed))


class Rates:
    """The buckets of all tenants who have a limit; thread-safe, one per process."""

    def __init__(self, store: Documents) -> None:
        """*store* should be given up on early: requests wait for it."""
        self._store = store
        self._rates = Recent(self._made, most=_TENANTS)

    def install(self, app: Flask) -> None:
        """Count each call below ``/v1`` whose caller is known by then."""
        app.extensions[_EXTENSION] = self
        app.before_request(_count)
        app.after_request(_tell)

    def standing(self, who: Caller) -> Standing | None:
        """Take one request of *who*; None: it has no limit."""
        per_minute = who.limits.requests_per_minute
        if per_minute is None:
            return None
        if per_minute < 1:
            return Standing(0, 0, _MINUTE, admitted=False)
        return self._rates.get(f"{per_minute} {who.tenant}").take()

    def _made(self, name: str) -> Rate:
        per_minute, _, tenant = name.partition(" ")
        return Rate(self._store, tenant, int(per_minute))


def check_rate() -> None:
    """Count the present request; its answer will say what is left.

    Raises:
        Problem: 429, its caller has none left.
    """
    rates: Rates = current_app.extensions[_EXTENSION]
    g.standing = standing = rates.standing(caller())
    if standing is None or standing.admitted:
        return
    raise Problem(
        429,
        "rate_limited",
        f"More than {standing.per_minute} requests in a minute.",
        cure="Wait for as long as Retry-After says; follow a track by its events or ?wait= instead"
        " of asking again and again.",
        headers={"Retry-After": str(standing.wait)},
    )


def _count() -> None:
    rule = request.url_rule
    if rule is not None and rule.rule.startswith("/v1/") and "caller" in g:
        check_rate()


def _tell(response: Response) -> Response:
    standing: Standing | None = g.get("standing")
    if standing is not None:
        response.headers.update(standing.headers())
    return response
