"""When a track will have ended, reckoned from the line before it, the quota and past runs.

All pure, in seconds. A reckoning is waiting plus run. Waiting: until the track makes its last call,
once the quota, or the line if that is slower, has brought it the last token. Run: from that call to
the ending, longer with more clips to be joined and mastered. How earlier reckonings of about that
length, for about so many clips, turned out says how far to trust it: p50 and p90 are where half,
and nine in ten, of them would have ended.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import ceil, log
from typing import Final

from shared.clock import seconds
from shared.messages import TrackRequest
from shared.models import MODELS
from shared.rules import clips
from shared.track import Promise, UsageRow

MEMORY: Final = 200
"""So many completed runs are remembered."""
_LIKE: Final = 40
"""So many of them, those most like it, say how long a run takes, and how far to trust that."""
_RUNS: Final = (18.0, 22.0, 26.0, 30.0, 30.0, 40.0, 60.0)
"""Seconds from a last call to an ending with one clip, where few were measured: a call takes 10
to 20, mastering and storing the rest."""
_EACH: Final = 0.1
"""What a further clip adds to a run of one. It turns a run of few clips into one of many as long
as none of many was measured, and hardly matters once some were."""
AT_ONCE: Final = 4
"""Clips of one track that are called at the same time; the others come after them."""
_CALL: Final = 0.7
"""How much of a run of one clip is its call, about."""
_ALONE: Final = (0.8, 0.9, 1.0, 1.0, 1.3, 2.0)
_IN_LINE: Final = (0.3, 0.6, 0.8, 1.0, 1.0, 2.0, 3.0, 5.0)
"""Ending over reckoning, beside what was measured, for those whose run, or whose wait, is the
longer part. A line is served in no strict order, and those who come behind may pass."""
_AGAIN: Final = 0.25
"""For each further clip a track stands in line again, behind those who have come meanwhile; this
share of the line, as it was measured."""
_FEW: Final = 5
_LONGEST: Final = 7.0 * 24 * 3600
"""By then every track has ended: no deadline is later."""
_MORE: Final = 0.25
"""What has outlived all that was measured is expected to take so much of its age again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Who waits for the model, as one look has seen it."""

    tracks: int = 0
    """Queued ones."""
    clips: int = 0
    """Tokens that these still need."""
    running: int = 0
    """Tokens that running tracks still need."""
    tokens: float = 0.0
    """What is there to be taken."""

    @property
    def needed(self) -> int:
        """Tokens that go to tracks which are there already."""
        return self.clips + self.running

    def before(self, position: int) -> int:
        """Tokens that go to others before the track at *position* gets its first, about."""
        return self.running + round(self.clips * min(1.0, position / max(1, self.tracks)))


class Past:
    """What the last completed runs teach."""

    def __init__(self, rows: Sequence[UsageRow] = ()) -> None:
        """*rows*: any, in any order; of those that are equally like a track the newest count."""
        rows = sorted(rows, key=lambda row: row.ended_at, reverse=True)
        runs = [
            (_clips(row), _between(row.called_at, row.ended_at)) for row in rows if row.called_at
        ]
        self._runs = [*runs, *((1, run) for run in _RUNS if len(runs) < _FEW)]
        self._errors = [
            (row.reckoned, _clips(row), _between(row.queued_at, row.ended_at) / row.reckoned)
            for row in rows
            if row.queued_at and row.reckoned > 0
        ]
        self.pace = pace(rows)
        self.call = _CALL * self.run(1)

    def run(self, own: int, share: float = 0.5, elapsed: float = 0.0) -> float:
        """What is left of a run of *own* clips, from its last call on, when *elapsed* is over.

        *share* (0 to 1) of the runs that had taken so long by then took no longer.
        """
        near = sorted(self._runs, key=lambda one: _apart(one[0], own))[:_LIKE]
        runs = sorted(took * _size(own) / _size(count) for count, took in near)
        longer = runs[bisect_right(runs, elapsed) :]
        return quantile(longer, share) - elapsed if longer else elapsed * _MORE * share

    def trusted(self, wait: float, own: int) -> tuple[float, float]:
        """What half, and nine in ten, of the reckonings like this one came to, at most.

        This one is *wait*, and a run of *own* clips.
        """
        run = self.run(own)
        reckoned, before = wait + run, _IN_LINE if wait > run else _ALONE

        def unlike(one: tuple[float, int, float]) -> float:
            return _apart(one[0], reckoned) + _apart(one[1], own)

        near = sorted(self._errors, key=unlike)[:_LIKE]
        errors = sorted((*(error for *_, error in near), *before))
        half, most = (min(reckoned * quantile(errors, share), _LONGEST) for share in (0.5, 0.9))
        return half, most


def pace(rows: Sequence[UsageRow]) -> float | None:
    """Clips a second that were begun while somebody waited; None: hardly anybody ever did.

    Somebody waited between two starts when the later track was queued before the earlier began.
    """
    begun = sorted(
        (row.started_at, row.queued_at, row.clips)
        for row in rows
        if row.started_at and row.queued_at
    )
    busy = [
        (count, _between(before, start))
        for (before, *_), (start, queued, count) in pairwise(begun)
        if queued < before
    ]
    took = sum(gap for _, gap in busy)
    return sum(count for count, _ in busy) / took if len(busy) >= _FEW and took > 0 else None


def waiting(before: int, own: int, line: Line, past: Past, per_minute: float) -> float:
    """Until a track makes the last of its *own* calls, when *before* others go first."""
    others = before * (1 + _AGAIN * (own - 1))
    by_quota = max(0.0, others + own - line.tokens) * 60 / per_minute
    by_calls = (own - 1) // AT_ONCE * past.call
    return min(max(by_quota, by_calls, others / past.pace if past.pace else 0.0), _LONGEST)


def promised(
    request: TrackRequest,
    now: datetime,
    *,
    position: int,
    before: int,
    line: Line,
    past: Past,
    per_minute: float,
) -> Promise:
    """What a request that is queued *now* can be told; *before*: tokens that go to others first."""
    own = clips(request)
    wait = waiting(before, own, line, past, per_minute)
    half, most = past.trusted(wait, own)
    return Promise(
        position=position,
        reckoned=wait + past.run(own),
        p50=now + seconds(half),
        p90=now + seconds(most),
    )


def prior(request: TrackRequest, now: datetime) -> Promise:
    """What can be told without a look: in a new project's quota, when nobody else is waiting."""
    quota = MODELS[request.model].quota_per_minute
    return promised(request, now, position=0, before=0, line=Line(), past=Past(), per_minute=quota)


def quantile(ordered: Sequence[float], share: float) -> float:
    """What the next value does not exceed with a chance of *share*, going by those before it."""
    return ordered[min(ceil(share * (len(ordered) + 1)), len(ordered)) - 1]


def _between(start: datetime | None, end: datetime) -> float:
    return (end - start).total_seconds() if start else 0.0


def _clips(row: UsageRow) -> int:
    return max(1, row.clips)


def _size(own: int) -> float:
    """A run of so many clips, in runs of one."""
    return 1 + _EACH * (own - 1)


def _apart(one: float, other: float) -> float:
    return abs(log(one) - log(other))
