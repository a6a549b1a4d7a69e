"""How a track runs once more."""

from dataclasses import replace
from datetime import datetime

from shared.clock import seconds
from shared.rules import clips
from shared.timing import Timing
from shared.track import NO_DEBIT, Debit, Park, Promise, Stage, Status, Track


def retried(
    track: Track,
    nonce: str,
    now: datetime,
    timing: Timing,
    *,
    traceparent: str = "",
    promise: Promise | None = None,
    debit: Debit = NO_DEBIT,
) -> Track:
    """The next run: clips already paid for stay, and what is still to be announced."""
    hook = bool(track.request.callback_url)
    pending = (a for a in track.announcements if not a.published or (hook and not a.recorded))
    deadline = now + seconds(track.lifetime_seconds)
    return replace(
        track,
        status=Status.QUEUED,
        stage=Stage.NONE,
        progress=0.0,
        run=track.run + 1,
        epoch=track.epoch + 1,
        sequence=track.sequence + 1,
        run_nonce=nonce,
        traceparent=traceparent,
        announcements=tuple(pending),
        calls=(),
        attempts=0,
        faults=0,
        quota_waits=0,
        refused_since=None,
        park=Park.NONE,
        not_before=None,
        cancel_requested=False,
        provider_calls=0,
        clips_left=clips(track.request),
        called_at=None,
        promise=promise,
        debit=debit,
        waits=Park.NONE,
        grant_until=None,
        ready=(),
        deadline=deadline,
        wake_at=min(now + seconds(timing.wake), deadline),
        wakes=0,
        queued_at=now,
        started_at=None,
        ended_at=None,
        result=None,
        error=None,
        expire_at=None,
    )
