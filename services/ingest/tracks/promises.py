"""What is promised about when a track ends: ``eta`` with the real line, quota and history."""

import logging
import threading
import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from services.ingest.live.fresh import Fresh
from services.ingest.tracks import eta
from services.ingest.tracks.eta import Line, Past
from shared.allowance import ALLOWANCES
from shared.bucket import UNIT, millionths
from shared.clock import seconds
from shared.errors import StoreUnavailable
from shared.messages import TrackRequest
from shared.ports import Store
from shared.rules import clips
from shared.track import TRACKS, USAGE, Promise, Status, Track, UsageRow

log = logging.getLogger(__name__)

_LINE_KEEPS: Final = 1.0
_PAST_KEEPS: Final = 30.0
_PATIENCE: Final = 0.1
"""Seconds that a submit waits for a look at most."""
_FOR_THOSE_IN_LINE: Final = 1.0
"""Tokens that a push leaves in the bucket."""
_GLANCE: Final = 20
"""Ended runs that are read again and again; more only when none of them is known."""
_MOST_COUNTED: Final = 50
"""Positions counted in a second; the others are then told from their neighbours'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eta:
    """When a track will have ended, with a chance of 50 % and of 90 %."""

    position: int | None
    """Queued tracks before it; None: it is not queued any more."""
    p50: datetime
    p90: datetime


class Promises:
    """Reckons for everybody; thread-safe, one per process."""

    def __init__(self, store: Store, *, model: str, per_minute: int, scale: float = 1.0) -> None:
        """*per_minute*: calls of *model* that the project may make; *scale*: of all times."""
        self._store = store
        self._model = model
        self._per_minute = per_minute
        self._line = Fresh(self._look, Line(), keeps=_LINE_KEEPS, patience=_PATIENCE)
        self._past = Fresh(self._learn, Past(), keeps=_PAST_KEEPS * scale, patience=_PATIENCE)
        self._lock = threading.Lock()
        self._own: deque[tuple[float, int]] = deque()
        """Promises of the last second, which the last look may not have seen: when, clips."""
        self._counted: dict[datetime, tuple[float, int]] = {}
        self._known: dict[str, UsageRow] = {}
        """What has ended, the newest first."""

    def promise(self, request: TrackRequest, now: datetime) -> Promise:
        """What a request that is queued now can be told. Never fails, and hardly ever waits."""
        line, past = self._line.get(), self._past.get()
        more = self._noted(clips(request))
        return eta.promised(
            request,
            now,
            position=line.tracks + len(more),
            before=line.needed + sum(more),
            line=line,
            past=past,
            per_minute=self._per_minute,
        )

    def _noted(self, own: int) -> list[int]:
        """Keep *own*; the clips of those that were promised since the line was looked at."""
        now = time.monotonic()
        with self._lock:
            while self._own and self._own[0][0] < now - _LINE_KEEPS:
                self._own.popleft()
            before = [count for _, count in self._own]
            self._own.append((now, own))
        return before

    def of(self, track: Track) -> Eta | None:
        """When *track* will have ended, as it looks now; None: it has."""
        if track.status.ended:
            return None
        now = self._store.clock.now()
        line, past = self._line.get(), self._past.get()
        begun = track.called_at or track.started_at
        if track.status is Status.RUNNING and not track.clips_left and begun:
            elapsed, made = (now - begun).total_seconds(), clips(track.request)
            return _eta(None, now, past.run(made, 0.5, elapsed), past.run(made, 0.9, elapsed))
        position = self._position(track, line) if track.status is Status.QUEUED else None
        own = track.clips_left or clips(track.request)
        before = line.running - own if position is None else line.before(position)
        wait = eta.waiting(max(0, before), own, line, past, self._per_minute)
        if track.not_before:
            wait = max(wait, (track.not_before - now).total_seconds())
        return _eta(position, now, *past.trusted(wait, clips(track.request)))

    def _position(self, track: Track, line: Line) -> int:
        """How many queued tracks were queued before it; counted once a second at most."""
        at, now = track.queued_at or track.created_at, time.monotonic()
        with self._lock:
            known = {t: (until, n) for t, (until, n) in self._counted.items() if until > now}
            self._counted = known
        if at in known:
            return known[at][1]
        if not line.tracks:
            return 0
        if len(known) < _MOST_COUNTED:
            try:
                count = self._store.count(
                    TRACKS, {"status": Status.QUEUED}, before=("queued_at", at)
                )
            except StoreUnavailable as exc:
                log.warning("no position", extra={"code": exc.code})
                return line.tracks
            known[at] = (now + _LINE_KEEPS, count)
            return count
        later = sorted(known)
        place = bisect_left(later, at)
        return known[later[place]][1] if place < len(later) else line.tracks

    def _look(self) -> Line:
        tracks = self._store.count(TRACKS, {"status": Status.QUEUED})
        total = self._store.total
        return Line(
            tracks=tracks,
            clips=total(TRACKS, "clips_left", {"status": Status.QUEUED}) if tracks else 0,
            running=total(TRACKS, "clips_left", {"status": Status.RUNNING}),
            tokens=self._tokens(),
        )

    def _tokens(self) -> float:
        """What a push can take from the quota's bucket at once."""
        depth, seen = max(2.0, self._per_minute / 5), self._store.get(ALLOWANCES, self._model)
        if seen.value is None:
            return depth - _FOR_THOSE_IN_LINE
        level = seen.value.filled(seen.read_at, millionths(depth), self._per_minute / 60)
        return max(0.0, level.left / UNIT - _FOR_THOSE_IN_LINE)

    def _learn(self) -> Past:
        found = self._ended(_GLANCE)
        if len(found) == _GLANCE and found[-1][0] not in self._known:
            found = self._ended(eta.MEMORY)
        new = dict(found)
        known = new | {key: row for key, row in self._known.items() if key not in new}
        self._known = dict(islice(known.items(), eta.MEMORY))
        return Past([row for row in self._known.values() if row.model == self._model])

    def _ended(self, limit: int) -> list[tuple[str, UsageRow]]:
        """The newest completed runs by their ids, the newest first."""
        completed = {"status": Status.COMPLETED}
        found = self._store.find(USAGE, completed, order="ended_at", newest=True, limit=limit)
        return [(seen.id, seen.value) for seen in found if seen.value]


def _eta(position: int | None, now: datetime, p50: float, p90: float) -> Eta:
    return Eta(position=position, p50=now + seconds(p50), p90=now + seconds(p90))
