"""What a wake-up of a due track is: expire it, announce it, or publish its message again."""

import logging
from dataclasses import replace

from services.generator.handler import SOURCE, Generator
from shared import rules
from shared.failpoints import failpoint
from shared.messages import request_attributes
from shared.ports import Publisher, Snapshot, Store, Update
from shared.sweep import sweep
from shared.timing import Timing
from shared.track import TRACKS, Track

log = logging.getLogger(__name__)


class TrackSweeper:
    """Wakes the tracks that are due."""

    def __init__(
        self, *, store: Store, requests: Publisher, generator: Generator, timing: Timing
    ) -> None:
        """*requests*: the topic that wakes a generator."""
        self._store = store
        self._requests = requests
        self._generator = generator
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
        if track.live(now):
            self._store.commit(
                Update(
                    TRACKS, seen.id, replace(track, wake_at=track.lease_expires_at), seen.version
                )
            )
            return
        moved = rules.moved_on(track, now, self._timing)
        self._store.commit(Update(TRACKS, seen.id, moved, seen.version))
        failpoint("after_move_on", track.request_id)
        if track.announcements:
            self._generator.announce(track.request_id, again=True)
        if track.status.ended:
            return
        if rules.must_end(track, now):
            self._generator.end_unclaimed(track.request_id, track.run)
        else:
            message = track.command()
            self._requests.publish(message, request_attributes(message, SOURCE))
