"""The protocol as pure functions: one document in, the next document out.

Each takes the store's time; none touches the outside world. Who may apply which rule is said
where it is applied: ``services.generator.claim`` (the holder), ``shared.endings`` (an ending),
``services.generator.sweeper`` (a wake-up), ``services.ingest`` (submit, cancel, retry).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from shared.clock import seconds
from shared.messages import AudioObject, TrackRequest
from shared.models import MODELS
from shared.timing import Timing
from shared.track import (
    NO_DEBIT,
    PROGRESS,
    Announcement,
    Call,
    Debit,
    Park,
    Promise,
    Refusal,
    Stage,
    Status,
    Track,
)

MAX_CLAIMS = 10
"""A claim that finds this many come to nothing ends the track."""
MAX_VERSIONS = 3
"""A clip that was tried this often in one run, each time anew, fails the track."""
MAX_RUNS = 100
"""So often a track may run; a document must not grow for ever."""
RETENTION = timedelta(days=90)


def new_track(
    request: TrackRequest,
    *,
    request_id: str,
    tenant: str,
    fingerprint: str,
    lifetime: int,
    nonce: str = "",
    traceparent: str = "",
    promise: Promise | None = None,
    debit: Debit = NO_DEBIT,
    now: datetime,
    timing: Timing,
) -> Track:
    """A queued track whose ``wake_at`` covers the message that is about to be published."""
    deadline = now + seconds(lifetime)
    return Track(
        request_id=request_id,
        tenant=tenant,
        request=request,
        fingerprint=fingerprint,
        created_at=now,
        queued_at=now,
        deadline=deadline,
        lifetime_seconds=lifetime,
        run_nonce=nonce,
        traceparent=traceparent,
        promise=promise,
        first_promise=promise,
        debit=debit,
        clips_left=clips(request),
        wake_at=min(now + seconds(timing.wake), deadline),
    )


def clips(request: TrackRequest) -> int:
    """How many clips the track is made of."""
    return MODELS[request.model].clips(request.duration_seconds, loop=request.loop)


def claimed(track: Track, holder: str, now: datetime, timing: Timing) -> Track:
    """Take the lease; the new epoch fences off every earlier holder."""
    return renewed(
        replace(
            track,
            holder=holder,
            epoch=track.epoch + 1,
            attempts=track.attempts + 1,
            park=Park.NONE,
            waits=Park.NONE,
            not_before=None,
            wakes=0,
        ),
        now,
        timing,
    )


def renewed(track: Track, now: datetime, timing: Timing) -> Track:
    """Hold the lease for its full length from now; the sweeper looks when it ends."""
    expires = now + seconds(timing.lease)
    return replace(track, lease_expires_at=expires, wake_at=expires)


def called(
    track: Track, clip: int, n: int, nonce: str, now: datetime, *, spends_grant: bool = False
) -> Track:
    """A paid call for version *n* of *clip* is about to start."""
    others = tuple(c for c in track.calls if (c.clip, c.run, c.n) != (clip, track.run, n))
    asked = {c.clip for c in others if c.run == track.run} | {clip}
    return replace(
        staged(track, Stage.GENERATING, now),
        calls=(*others, Call(clip=clip, run=track.run, n=n, nonce=nonce)),
        provider_calls=track.provider_calls + 1,
        clips_left=max(0, clips(track.request) - len(asked)),
        called_at=now,
        waits=Park.NONE,
        grant_until=None if spends_grant else track.grant_until,
    )


def exhausted(track: Track, clip: int, n: int) -> bool:
    """Whether version *n* of *clip* would be one too many for this run."""
    tried = {c.n for c in track.calls if c.clip == clip and c.run == track.run} - {n}
    return len(tried) >= MAX_VERSIONS


def refused(track: Track, clip: int, n: int, code: str) -> Track:
    """The model gave nothing to store for version *n*: nobody asks for it again."""
    refusal = Refusal(clip=clip, n=n, code=code)
    return replace(track, refusals=(*track.refusals, refusal), refused_since=None)


def clip_stored(track: Track) -> Track:
    """Something paid for is safe: the claims before it did not come to nothing."""
    return replace(track, attempts=0, faults=0, quota_waits=0, refused_since=None)


def clips_usable(track: Track, share: float, now: datetime) -> Track:
    """So much (0 to 1) of the track's clips is there; progress never goes back."""
    start, end = PROGRESS[Stage.GENERATING], PROGRESS[Stage.MASTERING]
    progress = max(track.progress, start + share * (end - start))
    grows = progress > track.progress or track.stage is not Stage.GENERATING
    running = staged(track, Stage.GENERATING, now)
    return replace(running, progress=progress, sequence=track.sequence + grows)


def file_ready(track: Track, audio: AudioObject) -> Track:
    """One finished file is stored, while others are still being made."""
    others = tuple(other for other in track.ready if other.format != audio.format)
    return replace(track, ready=(*others, audio))


def staged(track: Track, stage: Stage, now: datetime) -> Track:
    """The track is at *stage*; progress never goes back."""
    return replace(
        track,
        status=Status.RUNNING,
        stage=stage,
        started_at=track.started_at or now,
        progress=max(track.progress, PROGRESS[stage]),
        clips_left=track.clips_left if stage is Stage.GENERATING else 0,
        sequence=track.sequence + (track.stage != stage),
    )


def parked(
    track: Track,
    park: Park,
    now: datetime,
    timing: Timing,
    *,
    retry_after: float = 0,
    unpaid: bool = False,
    refusal: bool = False,
    asked: bool = True,
    doubtful: bool = False,
) -> Track:
    """Give the lease back and wait.

    A claim that ends here counts as an attempt only when it met a fault that is not certainly
    ``unpaid``. ``refusal``: the model answered 5xx, and the clock of refusals runs on; any other
    answer of it stops that clock. ``asked``: whether the model was asked at all; when our own
    quota was used up, it was not. ``doubtful``: some call of this claim may have been paid for
    nothing, whatever the first reason to stop was.
    """
    wait = retry_after or _wait(track, park, timing)
    fault = doubtful or park is Park.FAULT
    if doubtful:
        wait = max(wait, _wait(track, Park.FAULT, timing))
    not_before = now + seconds(wait)
    counts = doubtful or (park is Park.FAULT and not unpaid)
    answered = asked and (park is Park.QUOTA or counts)
    return replace(
        track,
        holder="",
        lease_expires_at=None,
        waits=Park.NONE,
        park=park,
        not_before=not_before,
        wake_at=min(not_before, track.deadline),
        attempts=track.attempts if counts else max(0, track.attempts - 1),
        faults=track.faults + fault,
        quota_waits=track.quota_waits + (asked and park is Park.QUOTA),
        refused_since=(track.refused_since or now)
        if refusal
        else None
        if answered
        else track.refused_since,
    )


def _wait(track: Track, park: Park, timing: Timing) -> float:
    if park is Park.STOPPED:
        return 0
    if park is Park.QUOTA:
        return _doubled(timing.quota_backoff, track.quota_waits, timing.quota_backoff_limit)
    if park is Park.FAULT:
        return _doubled(timing.fault_backoff, track.faults, timing.fault_backoff_limit)
    return timing.slot_wait


def _doubled(first: float, times: int, limit: float) -> float:
    # A week of waiting counts beyond 1023, where a float's exponent ends.
    return min(first * 2.0 ** min(times, 64), limit)


def given_up(track: Track, now: datetime, timing: Timing) -> bool:
    """Whether the model has refused for so long that waiting is no service any more."""
    since = track.refused_since
    return since is not None and now - since >= seconds(timing.refusals)


def moved_on(track: Track, now: datetime, timing: Timing) -> Track:
    """The sweeper has seen the row: look again later, at a growing distance.

    Not later than the deadline, unless that has passed: the row is about to be ended then.
    """
    at = now + seconds(_doubled(timing.wake, track.wakes, timing.wake_limit))
    if not track.status.ended and track.deadline > now:
        at = min(at, track.deadline)
    return replace(track, wake_at=at, wakes=track.wakes + 1)


def must_end(track: Track, now: datetime) -> Status | None:
    """How a track without a live lease has to end before anything else happens to it."""
    if track.cancel_requested:
        return Status.CANCELLED
    if now >= track.deadline:
        return Status.EXPIRED
    return Status.FAILED if track.attempts >= MAX_CLAIMS else None


def settled(track: Track) -> Track:
    """An ended track rests when every announcement is published and, with a callback, recorded.

    A completed one wakes once more, when its clips are to be deleted.
    """
    hook = bool(track.request.callback_url)
    rest = all(a.published and (a.recorded or not hook) for a in track.announcements)
    rest = rest and track.status.ended and track.erase_until is None
    return replace(track, wake_at=track.clips_due) if rest else track


def clips_deleted(track: Track) -> Track:
    """The raw clips of a completed track are gone."""
    return settled(replace(track, clips_due=None))


def kept(track: Track) -> bool | None:
    """Whether a completed track has ended by the p90 it was promised; None: nothing to tell."""
    if track.status is not Status.COMPLETED or track.promise is None or track.ended_at is None:
        return None
    return track.ended_at <= track.promise.p90


def marked(track: Track, *, published: frozenset[str] = frozenset(), recorded: str = "") -> Track:
    """Note that announcements were published, or that the notifier has recorded one."""

    def mark(a: Announcement) -> Announcement:
        return replace(
            a,
            published=a.published or a.event_id in published,
            recorded=a.recorded or a.event_id == recorded,
        )

    marks = (mark(a) for a in track.announcements)
    left = tuple(a for a in marks if not (track.erased and a.published))
    return settled(replace(track, announcements=left))
