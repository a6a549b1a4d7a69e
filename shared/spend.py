"""What tenants may still spend today: quotes are debited at submit and retry, never overrun.

A cap is a budget (``shared.allowance``) in one document per tenant and UTC day. What a run was
not billed comes back by its usage row, which is written once, with the run's ending: who finds
too little left adds the rows up, so that no ending writes to the budget's document.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final

from shared.allowance import Allowance
from shared.bucket import UNIT
from shared.clock import seconds
from shared.errors import StoreUnavailable
from shared.ports import Store
from shared.recent import Recent
from shared.track import TRACKS, USAGE, Debit, Track

_TENANTS: Final = 1000
"""Tenants whose blocks an instance holds at once."""
_AT_ONCE: Final = 16
_DOUBTS: Final = 1000
_DOUBT_SECONDS: Final = 60
"""Longer than any commit is under way."""
_KEPT: Final = timedelta(days=10)
"""Runs of a day may end, and give credit to it, up to 7 days later."""


class CapReached(Exception):
    """Too little is left today."""

    def __init__(self, wait: float) -> None:
        """*wait*: seconds to the next day."""
        super().__init__()
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that is about to be committed: how its commit can be found, if it is in doubt."""

    request_id: str
    number: int
    nonce: str

    def may_be_in(self, track: Track | None) -> bool:
        """Whether it was committed, or nobody can tell any more."""
        if track is None or track.run < self.number:
            return False
        if track.erased or track.run > self.number:
            return True
        return track.run_nonce == self.nonce


@dataclass(frozen=True, slots=True)
class _Doubt:
    run: Run
    give_back: Callable[[], None]
    until: datetime


class Spend:
    """Debits of all tenants; thread-safe, one per process."""

    def __init__(self, store: Store) -> None:
        """*store* holds the budgets and the usage rows."""
        self._store = store
        self._budgets = Recent(self._made, most=_TENANTS, let_go=Allowance.give_back)
        self._lock = threading.Lock()
        self._doubts: deque[_Doubt] = deque(maxlen=_DOUBTS)

    def debit(self, tenant: str, cap_usd: float | None, quote_usd: float) -> Debit:
        """Take a quote from today's cap; None as the cap: there is none, nothing is taken.

        Raises:
            CapReached: too little is left.
            StoreUnavailable: Firestore does not answer; nothing is taken that may be spent.
        """
        now = self._store.clock.now()
        debit = Debit(day=day_of(now), quote=round(quote_usd * UNIT), capped=cap_usd is not None)
        if cap_usd is None or not debit.quote:
            return debit
        self._settle(now)
        if debit.quote > cap_usd * UNIT or self._budget(tenant, debit.day, cap_usd).take(quote_usd):
            raise CapReached(_to_midnight(now))
        return debit

    def undo(self, tenant: str, debit: Debit) -> None:
        """Return a debit whose run was certainly not committed."""
        if debit.capped and debit.quote:
            self._budgets.get(_name(tenant, debit.day)).untake(debit.quote / UNIT)

    def doubt(self, tenant: str, debit: Debit, run: Run) -> None:
        """Return a debit later, unless it turns out that its run was committed.

        What dies with the instance until then stays spent.
        """
        if debit.capped and debit.quote:
            until = self._store.clock.now() + seconds(_DOUBT_SECONDS)
            self._doubts.append(_Doubt(run, partial(self.undo, tenant, debit), until))

    def give_back(self) -> None:
        """Put back what is reserved and unspent: for SIGTERM, which leaves seconds to do it."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for budget in self._budgets.clear():
                pool.submit(budget.give_back)

    def _budget(self, tenant: str, day: str, cap_usd: float) -> Allowance:
        budget = self._budgets.get(_name(tenant, day))
        budget.resize(cap_usd)
        return budget

    def _made(self, name: str) -> Allowance:
        day, _, tenant = name.partition(" ")
        return Allowance(
            self._store,
            f"spend-{tenant}-{day}",
            depth=1,  # for `resize` to say
            per_second=0,
            returned=partial(self._store.total, USAGE, "credit", {"tenant": tenant, "day": day}),
            expire_at=_midnight(date.fromisoformat(day)) + _KEPT,
        )

    def _settle(self, now: datetime) -> None:
        """Look at the oldest doubt, if it is due: one at a time keeps a submit quick."""
        with self._lock:
            due = bool(self._doubts) and self._doubts[0].until <= now
            doubt = self._doubts.popleft() if due else None
        if doubt is None:
            return
        try:
            track = self._store.get(TRACKS, doubt.run.request_id).value
        except StoreUnavailable:
            self._doubts.appendleft(doubt)
            raise
        if not doubt.run.may_be_in(track):
            doubt.give_back()


def day_of(moment: datetime) -> str:
    """The UTC day of a time, as YYYY-MM-DD."""
    return moment.astimezone(UTC).date().isoformat()


def _name(tenant: str, day: str) -> str:
    return f"{day} {tenant}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _to_midnight(now: datetime) -> float:
    tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
    return (_midnight(tomorrow) - now).total_seconds()
