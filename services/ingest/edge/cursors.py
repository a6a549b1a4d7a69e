"""Where a list goes on: opaque cursors of a time and an id, and the query that carries them."""

import base64
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from services.ingest.edge.queries import check_query, refused

T = TypeVar("T")

LARGEST: Final = 100
DEFAULT: Final = 50
IDS: Final = {
    "msg": "msg_[a-z2-7]{52}",
    "ep": "ep_[a-z2-7]{52}",
    "track": "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}
"""Kind of a list -> what the ids in it look like."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT: Final = re.compile(r"([0-9]{1,16})\.([0-9a-z_-]{1,60})")
"""Microseconds since 1970 (up to the year 2286), and a document's id."""
_LIMIT: Final = re.compile("[0-9]{1,3}")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Cursor(NamedTuple):
    """The last thing that its holder has seen."""

    time: datetime
    id: str

    def text(self) -> str:
        """As a client gets it."""
        plain = f"{(self.time - _EPOCH) // timedelta(microseconds=1)}.{self.id}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


START: Final = Cursor(_EPOCH, "0")
"""Before everything: where a list begins that has the oldest first."""
END: Final = Cursor(_EPOCH + timedelta(microseconds=10**16 - 1), "0")
"""After everything: where a list begins that has the newest first."""


class Page(NamedTuple, Generic[T]):
    """A part of a list, in its order."""

    rows: tuple[T, ...]
    next: Cursor
    more: bool
    """Whether there was more to be had at once."""


class Window(NamedTuple):
    """What part of a list is asked for."""

    after: Cursor
    limit: int


def window(
    query: MultiDict[str, str], kind: str, *, start: Cursor = START, besides: Collection[str] = ()
) -> Window:
    """Read ``?after=`` and ``?limit=``.

    *kind*: of the list, see ``IDS``; *start*: where it begins; *besides*: the names of its filters.

    Raises:
        Problem: 400, one of them cannot be read, comes twice, or another name is there: a misspelt
            one would begin the list anew each time.
    """
    check_query(query, ("after", "limit", *besides))
    limit = query.get("limit", str(DEFAULT))
    if not _LIMIT.fullmatch(limit) or int(limit) not in range(1, LARGEST + 1):
        cure = f"Use a whole number from 1 to {LARGEST}."
        raise refused("limit", f"is not from 1 to {LARGEST}", cure)
    return Window(_cursor(query["after"], kind) if "after" in query else start, int(limit))


def _cursor(text: str, kind: str) -> Cursor:
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
    except ValueError:
        plain = ""
    found = _TEXT.fullmatch(plain)
    if found and (found[2] == "0" or re.fullmatch(IDS[kind], found[2])):
        cursor = Cursor(_EPOCH + timedelta(microseconds=int(found[1])), found[2])
        if cursor.text() == text:
            return cursor
    cure = "Send `next` of an earlier answer as it was, or leave it out to begin anew."
    raise refused("after", "is no cursor of this list", cure)


def shown(
    name: str,
    found: Page[T],
    show: Callable[[T], Mapping[str, Any]],
    *,
    url: str,
    asked: Window,
    filters: Mapping[str, str] = _NONE,
) -> dict[str, Any]:
    """A list under *name*; ``next`` is always there, so that a poller can go on from it.

    *url* is that of the list, *filters* what narrows it down.
    """

    def link(after: Cursor) -> str:
        query = {**filters, "after": after.text(), "limit": str(asked.limit)}
        return f"{url}?{urlencode(query, safe=',')}"

    return {
        name: [show(row) for row in found.rows],
        "next": found.next.text(),
        "has_more": found.more,
        "links": {"self": link(asked.after), "next": link(found.next)},
    }
