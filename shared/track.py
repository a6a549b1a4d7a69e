"""The track document: all mutable state of one request, and the types it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.bucket import UNIT
from shared.messages import AudioObject, ErrorInfo, TrackRequest, TrackRequested, TrackResult
from shared.models import MODELS
from shared.ports import Collection


class Status(StrEnum):
    """Job status; delivery of the webhook is no part of it."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        """Whether this status is final (for its run)."""
        return self not in OPEN


OPEN: Final = (Status.QUEUED, Status.RUNNING)


class Stage(StrEnum):
    """What a running track is at."""

    NONE = ""
    GENERATING = "generating"
    MASTERING = "mastering"
    STORING = "storing"


PROGRESS: Final[Mapping[Stage, float]] = {
    Stage.NONE: 0.0,
    Stage.GENERATING: 0.1,
    Stage.MASTERING: 0.8,
    Stage.STORING: 0.9,
}


class Park(StrEnum):
    """Why a track waits without a lease."""

    NONE = ""
    QUOTA = "quota"
    SLOT = "slot"
    BUDGET = "budget"
    FAULT = "fault"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The n-th version of a clip, which this run has tried to pay for; newest try's nonce."""

    clip: int
    run: int
    n: int
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A version of a clip of which the model gave nothing to store."""

    clip: int
    n: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """An ending of one run, as the bytes that every publication repeats."""

    event_id: str
    run: int
    status: Status
    data: bytes
    attributes: dict[str, str]
    nonce: str
    published: bool = False
    recorded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a submit or a retry has told about when this run ends."""

    position: int
    """Tracks that were waiting before it."""
    reckoned: float
    """Seconds to the ending by reckoning alone; what came of such reckonings corrects the next."""
    p50: datetime
    p90: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Debit:
    """What a run may cost, as it was told and reserved when the run was submitted."""

    day: str = ""
    """UTC, YYYY-MM-DD: the day whose cap it counts for."""
    quote: int = 0
    """Millionths of a US dollar."""
    capped: bool = False
    """Whether the quote was taken from the cap of that day: the rest of it goes back there."""

    def credit(self, billed: int) -> int:
        """What goes back when so much was billed, in millionths."""
        return max(0, self.quote - billed) if self.capped else 0


NO_DEBIT: Final = Debit()
"""Of a run that nobody has quoted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One request from submit to the last announcement; times are the store's."""

    request_id: str
    tenant: str
    request: TrackRequest
    fingerprint: str
    created_at: datetime
    deadline: datetime
    lifetime_seconds: int
    """What the caller allowed from submit to deadline; a retry allows it again."""
    status: Status = Status.QUEUED
    stage: Stage = Stage.NONE
    progress: float = 0.0
    run: int = 1
    sequence: int = 0
    wake_at: datetime | None = None
    wakes: int = 0
    """Wake-ups since something last went forward: the row's own backoff."""

    holder: str = ""
    lease_expires_at: datetime | None = None
    epoch: int = 0
    attempts: int = 0
    """Claims that came to nothing."""
    cancel_requested: bool = False

    park: Park = Park.NONE
    not_before: datetime | None = None
    faults: int = 0
    quota_waits: int = 0
    """Parks for either since a clip was last stored: the exponents of the backoffs."""
    waits: Park = Park.NONE
    """What its worker waits for, while it holds the lease."""
    grant_until: datetime | None = None
    """Until then a token of the quota is set aside for one call of this track."""
    refused_since: datetime | None = None
    """First 5xx since the model last answered anything else."""

    calls: tuple[Call, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    provider_calls: int = 0
    """Calls of this run that may have been paid."""
    clips_left: int = 0
    """Clips of this run that still need a token of the quota, as far as is known."""
    called_at: datetime | None = None
    """When the newest call of this run began."""
    promise: Promise | None = None
    first_promise: Promise | None = None
    """Of the submit, whose answer never changes."""

    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ready: tuple[AudioObject, ...] = ()
    """Files of this run that are stored already, while others are still being made."""
    result: TrackResult | None = None
    error: ErrorInfo | None = None
    announcements: tuple[Announcement, ...] = ()
    run_nonce: str = ""
    """Of the submit or retry that began this run: tells its maker that it was its own."""
    traceparent: str = ""
    """Of the same request: all that comes of this run belongs to its trace."""
    debit: Debit = NO_DEBIT
    """Of the present run."""
    clips_due: datetime | None = None
    """When the clips of this completed track are to be deleted; None: not, or done."""
    expire_at: datetime | None = None
    """Firestore TTL: set with the ending, never before."""
    batch_id: str = ""
    """Of the batch that it is an item of."""
    erased: bool = False
    """Nobody sees it any more: this is what is left to keep its id and its objects down."""
    erase_until: datetime | None = None
    """Its objects are looked for once more at or after this; None: not erased, or done."""

    def live(self, now: datetime) -> bool:
        """Whether somebody works on it right now."""
        expires = self.lease_expires_at
        return bool(self.holder) and expires is not None and expires > now

    @property
    def quote_usd(self) -> float:
        """The price of this run as it was told; of one from before that was kept, today's."""
        if self.debit.quote:
            return self.debit.quote / UNIT
        request = self.request
        return MODELS[request.model].quote_usd(request.duration_seconds, loop=request.loop)

    @property
    def billed(self) -> int:
        """What the present run was billed, in millionths of a US dollar."""
        return round(self.result.cost_usd * UNIT) if self.result else 0

    def command(self) -> TrackRequested:
        """The message that wakes a generator for the present run."""
        return TrackRequested(
            request_id=self.request_id,
            tenant=self.tenant,
            run=self.run,
            sequence=self.sequence,
            requested_at=self.queued_at or self.created_at,
            deadline=self.deadline,
            request=self.request,
        )

    def expired(self, now: datetime) -> bool:
        """Whether its retention is over: Firestore deletes such rows some time later."""
        return self.expire_at is not None and self.expire_at <= now

    def gone(self, now: datetime) -> bool:
        """Whether nobody may see it any more."""
        return self.erased or self.expired(now)

    def usage_id(self) -> str:
        """Id of the present run's usage row, which outlives the track and its request id."""
        return f"{self.request_id}-{int(self.created_at.timestamp())}-{self.run}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """What one run cost; written with its ending, never changed."""

    request_id: str
    tenant: str
    run: int
    status: Status
    model: str
    provider_calls: int
    billed_usd: float
    ended_at: datetime
    clips: int = 0
    queued_at: datetime | None = None
    started_at: datetime | None = None
    called_at: datetime | None = None
    reckoned: float = 0.0
    """Seconds from queued to ended, as they were reckoned; 0: they were not."""
    promise_kept: bool | None = None
    """Whether it ended before the p90 it was promised; None: it was not completed."""
    day: str = ""
    """UTC, YYYY-MM-DD: when the run was submitted; what it cost counts for that day."""
    billed: int = 0
    """Millionths of a US dollar, as ``credit``: whole numbers add up exactly."""
    credit: int = 0
    """What went back to the cap of that day."""


TRACKS: Final = Collection("tracks", Track)
USAGE: Final = Collection("usage", UsageRow)
