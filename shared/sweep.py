"""The sweeper: what is due is moved on first, then woken; one query, no state of its own."""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

from shared import shutdown, signals
from shared.clock import seconds
from shared.errors import CommitUnclear, MotifError
from shared.ports import Collection, Snapshot, Store, T
from shared.timing import Timing

log = logging.getLogger(__name__)

BATCH: Final = 200
_LOOK: Final = 1 / 30
"""How soon within a pass rows that were parked meanwhile are noticed, in sweep periods."""


def sweep(
    store: Store, collection: Collection[T], wake: Callable[[Snapshot[T]], None], timing: Timing
) -> dict[str, int]:
    """Wake all rows that fall due within one sweep period; return how many there were.

    *wake* moves the row's ``wake_at`` on, conditional on the version it is given, before it
    does anything else: passes may overlap, a row is woken by the one whose move was accepted.
    The pass ends at once when nothing falls due before the next one, so that an idle service
    costs nothing.

    Raises:
        StoreUnavailable: Firestore does not answer.
    """
    store.get(collection, "clock")
    end = store.clock.now() + seconds(timing.sweep)
    counts, oldest = {"woken": 0, "failed": 0}, 0.0
    for now, rows in _looks(store, collection, end, timing):
        oldest = max(oldest, _late(rows, now))
        for row in rows:
            if shutdown.stopping() or store.clock.now() >= end:
                break
            counts[_woken(wake, row)] += 1
    signals.tell(
        signals.SWEPT,
        collection=collection.name,
        woken=counts["woken"],
        oldest_seconds=round(oldest, 3),
    )
    return counts


def _looks(
    store: Store, collection: Collection[T], end: datetime, timing: Timing
) -> Iterator[tuple[datetime, Sequence[Snapshot[T]]]]:
    """What is due, each time it is worth a look."""
    while not shutdown.stopping():
        now = store.clock.now()
        yield now, store.due(collection, now, BATCH)
        over = shutdown.stopping() or store.clock.now() >= end
        if over or not store.due(collection, end, 1) or store.clock.now() >= end:
            return
        shutdown.wait(timing.sweep * _LOOK)


def _late(rows: Sequence[Snapshot[T]], now: datetime) -> float:
    """Seconds that the first of these has been due."""
    due_at: datetime | None = getattr(rows[0].value, "wake_at", None) if rows else None
    return (now - due_at).total_seconds() if due_at else 0.0


def _woken(wake: Callable[[Snapshot[T]], None], row: Snapshot[T]) -> str:
    try:
        wake(row)
    except CommitUnclear:  # somebody else's row by now, or ours after all: the next look tells
        return "failed"
    except MotifError as exc:
        log.warning("row not woken", extra={"row": row.id, "code": exc.code})
        return "failed"
    except Exception:  # a poison row has moved on already; the others wait for nothing
        log.exception("row not woken", extra={"row": row.id, "code": "internal"})
        return "failed"
    return "woken"
