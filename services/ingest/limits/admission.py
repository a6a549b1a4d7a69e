"""What starts work that costs: submit and retry, within the limits of who asks.

A new run takes a place among its tenant's open tracks, and its quote from the tenant's cap of the
day. What turns out not to be used goes back; where a commit is in doubt, once that is settled.
"""

from collections.abc import Callable
from math import ceil
from types import TracebackType
from typing import Final, Self

from services.ingest.identity.callers import Caller
from services.ingest.limits.places import Places
from services.ingest.limits.singly import Singly
from services.ingest.tracks import catalog
from services.ingest.tracks.asked import Asked, KeyReused, MovedOn, NotRetryable
from services.ingest.tracks.use_cases import Tracks
from services.ingest.webhooks.secrets import Secrets
from shared.messages import TrackRequest
from shared.ports import Store
from shared.problems import Problem
from shared.recent import Recent
from shared.spend import CapReached, Run, Spend
from shared.track import OPEN, TRACKS, Debit, Track

Check = Callable[[TrackRequest], None]
_TENANTS: Final = 1000
_RETRY_AFTER: Final = 10
"""Seconds, for a place among the open tracks: about half the time that a track takes."""
_CERTAIN: Final = (Problem, KeyReused, NotRetryable)
"""What a use case raises when it has certainly not committed anything, whatever it took before:
between a commit whose reply is lost and the next look, a run may end, and the track go on."""


class Limits:
    """Submit and retry for callers who have limits; thread-safe, one per process."""

    def __init__(self, tracks: Tracks, store: Store, secrets: Secrets) -> None:
        """*tracks* does the work; *store* knows what is open and what is spent.

        *secrets* knows who can have callbacks.
        """
        self._tracks = tracks
        self._store = store
        self._secrets = secrets
        self.spend = Spend(store)
        self._places = Recent(self._made, most=_TENANTS)
        self._singly = Singly()

    def submit(self, who: Caller, asked: Asked, check: Check) -> tuple[Track, bool]:
        """Accept a request once, as ``Tracks.submit``; *check* may refuse what is new.

        Raises:
            Problem: 429, a limit is reached; what *check* raises.
            KeyReused, WasErased, StoreUnavailable: as ``Tracks.submit``.
        """
        if not asked.key:
            return self._submit(who, asked, check)
        # One key, many at once: the first debits, the others find its track.
        with self._singly.turn(f"{asked.tenant} {asked.key}"):
            return self._submit(who, asked, check)

    def _submit(self, who: Caller, asked: Asked, check: Check) -> tuple[Track, bool]:
        def checked(request: TrackRequest) -> None:
            check(request)
            if request.callback_url:
                self._secrets.require(who.tenant)

        with self._admission(who, checked) as admission:
            try:
                track, replayed = self._tracks.submit(asked, admission.take)
            except Problem as problem:
                # Another instance may just have accepted it: a repetition is never refused.
                track, replayed = self._tracks.submit(asked, _refusing(problem))
            admission.keep(track)
        return track, replayed

    def retry(self, who: Caller, request_id: str) -> Track:
        """Run a track again, as ``Tracks.retry``.

        Raises:
            Problem: 429, a limit is reached.
            NotRetryable, NoSuchTrack, StoreUnavailable: as ``Tracks.retry``.
        """
        with self._admission(who, lambda _: None) as admission:
            track = self._tracks.retry(who.tenant, request_id, admission.take)
            admission.keep(track)
        return track

    def _admission(self, who: Caller, check: Check) -> "_Admission":
        return _Admission(who, check, self._places.get(who.tenant), self.spend)

    def _made(self, tenant: str) -> Places:
        equal = {"tenant": tenant, "status": OPEN}
        return Places(lambda: self._store.count(TRACKS, equal))


class _Admission:
    """What one run takes of its tenant's limits, until it is known what became of it."""

    def __init__(self, who: Caller, check: Check, places: Places, spend: Spend) -> None:
        self._who = who
        self._check = check
        self._places = places
        self._spend = spend
        self._placed = False
        self._run: Run | None = None
        self._debit: Debit | None = None
        self._kept = False

    def take(self, run: Run, request: TrackRequest) -> Debit:
        """Admit a run, once, however often its commit is tried."""
        if self._debit is None:
            self._check(request)
            self._take_place()
            self._debit = self._take_quote(request)
            self._run = run
        return self._debit

    def keep(self, track: Track) -> None:
        """Say which track the answer is about: what was taken stays taken if it was for this."""
        self._kept = self._run is not None and self._run.may_be_in(track)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, exc: BaseException | None, __: TracebackType | None
    ) -> None:
        certain = isinstance(exc, _CERTAIN) and not isinstance(exc, MovedOn)
        doubtful = exc is not None and not certain
        if self._placed:
            self._places.settle(opened=self._kept or doubtful)
        if self._run is None or self._debit is None or self._kept:
            return
        if doubtful:
            self._spend.doubt(self._who.tenant, self._debit, self._run)
        else:
            self._spend.undo(self._who.tenant, self._debit)

    def _take_place(self) -> None:
        limit = self._who.limits.open_tracks
        if limit is None or self._placed:
            return
        if not self._places.take(limit):
            raise too_many_tracks(limit)
        self._placed = True

    def _take_quote(self, request: TrackRequest) -> Debit:
        cap, quote = self._who.limits.daily_cap_usd, catalog.quote_usd(request)
        try:
            return self._spend.debit(self._who.tenant, cap, quote)
        except CapReached as reached:
            raise spend_cap_reached(cap, quote, reached.wait) from None


def too_many_tracks(limit: int) -> Problem:
    """429: as many are open as may be."""
    return Problem(
        429,
        "too_many_tracks",
        f"{limit} tracks may be queued or running at once, and as many are.",
        cure="Wait until one has ended, or cancel one.",
        headers={"Retry-After": str(_RETRY_AFTER)},
    )


def spend_cap_reached(cap: float | None, quote: float, wait: float) -> Problem:
    """429: the quote is more than is left of the day's cap."""
    return Problem(
        429,
        "spend_cap_reached",
        f"The quote of {quote:.2f} US dollars is more than is left of today's {cap:.2f}.",
        cure="Wait for the next UTC day, ask for a shorter track, or have the daily cap of"
        f" {cap:.2f} US dollars raised. GET /v1/usage says what is left.",
        headers={"Retry-After": str(ceil(wait))},
    )


def _refusing(problem: Problem) -> Callable[[Run, TrackRequest], Debit]:
    def refuse(_: Run, __: TrackRequest) -> Debit:
        raise problem

    return refuse
