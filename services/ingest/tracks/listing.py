"""The list of a tenant's tracks, newest first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from werkzeug.datastructures import MultiDict

from services.ingest.edge.cursors import END, Cursor, Page, Window, window
from services.ingest.edge.queries import refused
from services.ingest.tracks import catalog
from shared.ports import Snapshot, Store
from shared.track import TRACKS, Status, Track

FILTERS: Final = ("status", "style", "batch")
_ROUNDS: Final = 8
"""Reads for one page, at most, when most of what they find has to be left out."""
_LONGEST_BATCH: Final = 64


class Asked(NamedTuple):
    """What list is asked for; ``filters`` are as they were sent."""

    window: Window
    filters: dict[str, str]
    equal: dict[str, Any]
    """Field of a track -> its value, or a tuple of allowed ones."""


def asked(query: MultiDict[str, str]) -> Asked:
    """Read the query of the list.

    Raises:
        Problem: 400, something in it cannot be read.
    """
    part = window(query, "track", start=END, besides=FILTERS)
    filters = {name: query[name] for name in FILTERS if name in query}
    equal: dict[str, Any] = {}
    if "status" in filters:
        equal["status"] = _statuses(filters["status"])
    if "style" in filters:
        if filters["style"] not in catalog.STYLES:
            cure = f"Use one of: {', '.join(catalog.STYLES)}."
            raise refused("style", "is no style", cure)
        equal["request.style"] = filters["style"]
    if "batch" in filters:
        if not 1 <= len(filters["batch"]) <= _LONGEST_BATCH:
            raise refused("batch", "is no id of a batch", "Use the `batch_id` of a batch.")
        equal["batch_id"] = filters["batch"]
    return Asked(part, filters, equal)


def _statuses(text: str) -> str | tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= {status.value for status in Status}:
        cure = f"Use one or several, by commas, of: {', '.join(Status)}."
        raise refused("status", "is no status", cure)
    return names if len(names) > 1 else names[0]


class Listing:
    """Use case over the store; thread-safe, one per process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, tenant: str, asked: Asked) -> Page[Track]:
        """Tracks of this tenant, newest first, that nobody has erased and that are not over.

        Pages are full as long as there is more. Where very many rows wait for their removal a page
        may be shorter; then ``more`` is true all the same.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        after, limit = asked.window
        shown: list[Track] = []
        for _ in range(_ROUNDS):
            found = self._store.find(
                TRACKS,
                {"tenant": tenant, "erased": False, **asked.equal},
                order="created_at",
                newest=True,
                after=after,
                limit=limit + 1,
            )
            for track, read_at in _tracks(found):
                if not track.gone(read_at):
                    if len(shown) == limit:
                        return Page(tuple(shown), after, more=True)
                    shown.append(track)
                after = Cursor(track.created_at, track.request_id)
            if len(found) <= limit:
                return Page(tuple(shown), after, more=False)
        return Page(tuple(shown), after, more=True)


def _tracks(found: Sequence[Snapshot[Track]]) -> list[tuple[Track, datetime]]:
    return [(seen.value, seen.read_at) for seen in found if seen.value is not None]
