"""What a wake-up of a due track is: expire it, announce it, or publish its message again."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from services.generator.handler import SOURCE, Generator
from services.generator.quota import Quota
from shared import rules, tracing, turns
from shared.clock import seconds
from shared.errors import StorageUnavailable, StoreUnavailable
from shared.failpoints import failpoint
from shared.messages import request_attributes
from shared.ports import Publisher, Snapshot, Store, Update
from shared.sweep import sweep
from shared.timing import Timing
from shared.track import TRACKS, Park, Track

_EVER: Final = datetime.min.replace(tzinfo=UTC)

log = logging.getLogger(__name__)


class TrackSweeper:
    """Wakes the tracks that are due."""

    def __init__(
        self,
        *,
        store: Store,
        requests: Publisher,
        generator: Generator,
        quota: Quota,
        timing: Timing,
    ) -> None:
        """*requests*: the topic that wakes a generator."""
        self._store = store
        self._requests = requests
        self._generator = generator
        self._quota = quota
        self._line = _EVER
        self._next_tidy = _EVER
        self._timing = timing

    def run(self) -> dict[str, int]:
        """One pass; see ``shared.sweep``."""
        return sweep(self._store, TRACKS, self.wake, self._timing)

    def wake(self, seen: Snapshot[Track]) -> None:
        """Move one due row on, then do what it waits for.

        Raises:
            CommitUnclear: somebody else has moved it.
            RetryableError: not now; the row has moved on already.
        """
        track, now = seen.value, self._store.clock.now()
        if track is None or seen.version is None:
            return
        moved = self._moved(track, now)
        self._store.commit(Update(TRACKS, seen.id, moved, seen.version))
        failpoint("after_move_on", track.request_id)
        if track.live(now):
            return
        if track.announcements:
            self._generator.announce(track.request_id, again=True)
        if track.status.ended:
            self._tidy(track, now)
        elif rules.must_end(track, now):
            self._generator.end_unclaimed(track.request_id, track.run)
        elif not _waits_for_its_turn(moved, now):
            self._publish(track)

    def _publish(self, track: Track) -> None:
        message = track.command()
        with tracing.publishing(message.type, track.traceparent) as carried:
            self._requests.publish(message, request_attributes(message, SOURCE) | carried)

    def _moved(self, track: Track, now: datetime) -> Track:
        """The row as it looks next: to its lease's end, its turn, or a growing distance."""
        if track.live(now):
            return replace(track, wake_at=track.lease_expires_at)
        if rules.must_end(track, now) or not _waits_for_its_turn(track, now):
            return rules.moved_on(track, now, self._timing)
        turn = self._turn(now)
        if turn > now:
            return turns.turned_away(track, turn)
        return turns.granted(track, now, self._timing)

    def _turn(self, now: datetime) -> datetime:
        """Now: a token was taken for the next in line; later: its turn, behind those before it."""
        try:
            wait = self._quota.turn()
        except StoreUnavailable:
            wait = self._timing.wake  # the row must move on, or it hides those behind it
        self._line = (
            max(self._line, now) + seconds(min(wait, self._timing.wake_limit)) if wait else now
        )
        return self._line

    def _tidy(self, track: Track, now: datetime) -> None:
        """Delete its clips, or everything; a bucket that does not answer is left alone for a while.

        That is one sweep period: else each row would wait for it in turn.
        """
        due = track.erased or (track.clips_due is not None and track.clips_due <= now)
        if not due or self._next_tidy > now:
            return
        try:
            if track.erased:
                self._generator.erase(track.request_id)
            else:
                self._generator.clean(track)
        except StorageUnavailable:
            self._next_tidy = now + seconds(self._timing.sweep)
            raise


def _waits_for_its_turn(track: Track, now: datetime) -> bool:
    return track.park is Park.QUOTA and not track.status.ended and not turns.has_grant(track, now)
