"""Tracks that found no slot: whoever leaves one free wakes the next of them."""

import logging
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.generator.reporter import SOURCE
from shared import rules, tracing
from shared.clock import seconds
from shared.errors import CommitUnclear, RetryableError
from shared.messages import request_attributes
from shared.ports import Publisher, Snapshot, Store, Update
from shared.timing import Timing
from shared.track import TRACKS, Park, Track

log = logging.getLogger(__name__)

_LOOKED_AT: Final = 8
"""Others may wake some of them at the same moment."""


class Line:
    """Who waits for a slot of any instance; thread-safe, one per process."""

    def __init__(self, *, store: Store, requests: Publisher, timing: Timing) -> None:
        """*requests*: the topic that wakes a generator."""
        self._store = store
        self._requests = requests
        self._timing = timing

    def wake(self) -> None:
        """Wake the one that is due first. Best effort: the sweeper finds whoever is left."""
        try:
            found = self._store.find(
                TRACKS, {"park": Park.SLOT.value}, order="wake_at", limit=_LOOKED_AT
            )
            next(filter(self._woken, found), None)
        except RetryableError as exc:
            log.warning("nobody woken", extra={"code": exc.code})

    def _woken(self, seen: Snapshot[Track]) -> bool:
        track, now = seen.value, self._store.clock.now()
        if track is None or seen.version is None or not _waits(track, now):
            return False
        at = min(now + seconds(self._timing.wake), track.deadline)
        called = replace(track, not_before=now, wake_at=at)
        try:
            self._store.commit(Update(TRACKS, seen.id, called, seen.version))
        except CommitUnclear:
            return False
        message = called.command()
        with tracing.publishing(message.type, track.traceparent) as carried:
            self._requests.publish(message, request_attributes(message, SOURCE) | carried)
        return True


def _waits(track: Track, now: datetime) -> bool:
    """Still in line: whoever was called, or swept, has a message on its way."""
    at = track.not_before
    in_line = at is not None and (at > now or track.wake_at == at)
    return in_line and not (track.live(now) or track.status.ended or rules.must_end(track, now))
