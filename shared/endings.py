"""The one function that writes endings, and the one that announces them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from shared import rules, signals, tracing
from shared.clock import seconds
from shared.cures import failure
from shared.errors import Code, CommitUnclear, RetryableError, StoreUnavailable
from shared.failpoints import failpoint
from shared.logs import log_context
from shared.messages import (
    ENDING_TYPES,
    ErrorInfo,
    TrackEvent,
    TrackResult,
    encode,
    event_attributes,
)
from shared.ports import Create, Publisher, Snapshot, Store, Update
from shared.timing import Timing
from shared.track import TRACKS, USAGE, Announcement, Park, Stage, Status, Track, UsageRow

ROUNDS: Final = 9
"""How often a commit without a verdict is judged anew before the sweeper gets it."""


class Ending:
    """How a track ends: decided on the snapshot that it is committed against."""

    def __init__(
        self,
        status: Status,
        *,
        result: TrackResult | None = None,
        error: ErrorInfo | None = None,
    ) -> None:
        """An ending with what was made, or with why nothing was."""
        self.status = status
        self.result = result
        self.error = error or _standard_error(status)


def _standard_error(status: Status) -> ErrorInfo | None:
    match status:
        case Status.CANCELLED:
            return failure(Code.CANCELLED, "The track was cancelled.")
        case Status.EXPIRED:
            return failure(Code.DEADLINE_EXCEEDED, "The track's deadline has passed.")
        case Status.FAILED:
            return failure(Code.INTERNAL, "Every attempt to make this track broke off.")
    return None


Judge = Callable[[Track, datetime], Ending | None]


def end(
    store: Store, request_id: str, judge: Judge, *, nonce: str, source: str, timing: Timing
) -> Status | None:
    """End a track, if *judge* says so on the document as it then is.

    State, usage row and the event's bytes go in one commit. A commit without a verdict is read
    again: an announcement with our *nonce* is our own.

    Returns:
        The status that we wrote, or None when somebody else was first or *judge* declined.

    Raises:
        StoreUnavailable: Firestore gave no verdict; the sweeper comes again.
    """
    for _ in range(ROUNDS):
        seen = store.get(TRACKS, request_id)
        track = seen.value
        if track is None:
            return None
        own = [a.status for a in track.announcements if a.nonce == nonce]
        if own:
            if track.status is own[0]:  # and not the next run by now
                _tell(track)
            return own[0]
        now = store.clock.now()
        ending = None if track.status.ended else judge(track, now)
        if ending is None:
            return None
        done = ended(track, ending, now=now, nonce=nonce, source=source, timing=timing)
        if _commit(store, seen, done):
            _tell(done)
            failpoint(f"{source}_after_end", request_id)
            return ending.status
    raise StoreUnavailable("an ending found no quiet moment to commit")


def _tell(track: Track) -> None:
    queued_at, ended_at = track.queued_at or track.created_at, track.ended_at or track.created_at
    with log_context(request_id=track.request_id, run=track.run, tenant=track.tenant):
        signals.tell(
            signals.TRACK_ENDED,
            status=track.status.value,
            code=track.error.code if track.error else "",
            clips=rules.clips(track.request),
            provider_calls=track.provider_calls,
            billed_usd=track.result.cost_usd if track.result else 0.0,
            seconds=round((ended_at - queued_at).total_seconds(), 3),
        )


def ended(
    track: Track, ending: Ending, *, now: datetime, nonce: str, source: str, timing: Timing
) -> Track:
    """The ended document, with its announcement in the list."""
    done = replace(
        track,
        status=ending.status,
        stage=Stage.NONE,
        progress=1.0 if ending.status is Status.COMPLETED else track.progress,
        sequence=track.sequence + 1,
        epoch=track.epoch + 1,
        holder="",
        lease_expires_at=None,
        park=Park.NONE,
        not_before=None,
        cancel_requested=False,
        waits=Park.NONE,
        grant_until=None,
        ready=(),
        clips_due=now + seconds(timing.clips_kept) if ending.result else None,
        wake_at=now + seconds(timing.wake),
        wakes=0,
        ended_at=now,
        expire_at=now + rules.RETENTION,
        result=ending.result,
        error=ending.error,
    )
    return replace(done, announcements=(*track.announcements, _announcement(done, nonce, source)))


def _announcement(track: Track, nonce: str, source: str) -> Announcement:
    assert track.ended_at is not None  # noqa: S101 - `ended` has just set it
    event = TrackEvent(
        type=ENDING_TYPES[track.status],
        event_id=f"{track.request_id}:{track.run}:{track.status}",
        request_id=track.request_id,
        tenant=track.tenant,
        run=track.run,
        sequence=track.sequence,
        occurred_at=track.ended_at,
        status=track.status,
        style=track.request.style,
        result=(track.result,) if track.result else (),
        error=(track.error,) if track.error else (),
        metadata=track.request.metadata,
    )
    return Announcement(
        event_id=event.event_id,
        run=track.run,
        status=track.status,
        data=encode(event),
        attributes=_attributes(event, source, track.traceparent),
        nonce=nonce,
    )


def _attributes(event: TrackEvent, source: str, traceparent: str) -> dict[str, str]:
    kept = tracing.kept(traceparent)
    return event_attributes(event, source) | ({tracing.ATTRIBUTE: kept} if kept else {})


def _commit(store: Store, seen: Snapshot[Track], track: Track) -> bool:
    assert seen.version is not None  # noqa: S101 - a snapshot with a value has one
    assert track.ended_at is not None  # noqa: S101 - `ended` has just set it
    row = UsageRow(
        request_id=track.request_id,
        tenant=track.tenant,
        run=track.run,
        status=track.status,
        model=track.request.model,
        provider_calls=track.provider_calls,
        billed_usd=track.result.cost_usd if track.result else 0.0,
        ended_at=track.ended_at,
        clips=rules.clips(track.request),
        queued_at=track.queued_at,
        started_at=track.started_at,
        called_at=track.called_at,
        reckoned=track.promise.reckoned if track.promise else 0.0,
        promise_kept=rules.kept(track),
        day=track.debit.day,
        billed=track.billed,
        credit=track.debit.credit(track.billed),
    )
    try:
        store.commit(
            Update(TRACKS, seen.id, track, seen.version),
            Create(USAGE, track.usage_id(), row),
        )
    except CommitUnclear:
        return False
    return True


def announce(
    store: Store,
    publisher: Publisher,
    request_id: str,
    *,
    again: bool = False,
    nonce: str = "",
    prepare: Callable[[Track, Announcement], None] = lambda _track, _announcement: None,
) -> None:
    """Publish what a track's endings still have to say, and note that it is said.

    *again*: also what was published, but never recorded by the notifier. *nonce*: only the
    ending that carries it. *prepare* runs before each publication. What does not succeed is no
    failure here: the sweeper repeats it.

    Raises:
        StoreUnavailable: Firestore does not answer.
    """
    track = store.get(TRACKS, request_id).value
    if track is None:
        return
    hook = bool(track.request.callback_url)
    due = [
        a
        for a in track.announcements
        if (not a.published or (again and hook and not a.recorded)) and nonce in ("", a.nonce)
    ]
    done = []
    for item in due:
        if _out(item, partial(prepare, track, item), publisher):
            done.append(item.event_id)
        failpoint("after_publish_event", request_id)
    if done:
        note(store, request_id, lambda t: rules.marked(t, published=frozenset(done)))


def _out(item: Announcement, prepare: Callable[[], None], publisher: Publisher) -> bool:
    """Publish; whether nothing is left to do. A failed preparation holds no message back."""
    try:
        prepare()
        prepared = True
    except RetryableError:
        prepared = False
    kept = item.attributes.get(tracing.ATTRIBUTE, "")
    try:
        with tracing.publishing(item.attributes["ce-type"], kept) as carried:
            publisher.publish(item.data, item.attributes | carried)
    except RetryableError:
        return False
    return prepared


def note(store: Store, request_id: str, change: Callable[[Track], Track]) -> None:
    """Apply an idempotent *change* to a track, however often somebody else comes between.

    Raises:
        StoreUnavailable: Firestore does not answer.
    """
    for _ in range(ROUNDS):
        seen = store.get(TRACKS, request_id)
        if seen.value is None or seen.version is None:
            return
        changed = change(seen.value)
        if changed == seen.value:
            return
        try:
            store.commit(Update(TRACKS, request_id, changed, seen.version))
        except CommitUnclear:
            continue
        return
