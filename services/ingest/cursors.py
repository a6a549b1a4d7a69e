"""Where a list goes on: opaque cursors of a time and an id, and the query that carries them."""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, NamedTuple, TypeVar

from werkzeug.datastructures import MultiDict

from shared.problems import Problem

T = TypeVar("T")

LARGEST: Final = 100
DEFAULT: Final = 50
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT: Final = re.compile(r"([0-9]{1,16})\.(0|(msg|ep)_[a-z2-7]{52})")
"""Microseconds since 1970 (up to the year 2286), and a document's id."""
_LIMIT: Final = re.compile("[0-9]{1,3}")


class Cursor(NamedTuple):
    """The last thing that its holder has seen."""

    time: datetime
    id: str

    def text(self) -> str:
        """As a client gets it."""
        plain = f"{(self.time - _EPOCH) // timedelta(microseconds=1)}.{self.id}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


START: Final = Cursor(_EPOCH, "0")
"""Before everything."""


class Page(NamedTuple, Generic[T]):
    """A part of a list, oldest first."""

    rows: tuple[T, ...]
    next: Cursor
    more: bool
    """Whether there was more to be had at once."""


class Window(NamedTuple):
    """What part of a list is asked for."""

    after: Cursor
    limit: int


def window(query: MultiDict[str, str], kind: str) -> Window:
    """Read ``?after=`` and ``?limit=``; *kind*: what the ids in this list begin with.

    Raises:
        Problem: 400, one of them cannot be read, or another name is there: a misspelt one
            would begin the list anew each time.
    """
    for name in query.keys() - {"after", "limit"}:
        raise _refused(name, "is not a parameter of this list", "Use after and limit only.")
    limit = query.get("limit", str(DEFAULT))
    if not _LIMIT.fullmatch(limit) or int(limit) not in range(1, LARGEST + 1):
        cure = f"Use a whole number from 1 to {LARGEST}."
        raise _refused("limit", f"is not from 1 to {LARGEST}", cure)
    return Window(_cursor(query["after"], kind) if "after" in query else START, int(limit))


def _cursor(text: str, kind: str) -> Cursor:
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
    except ValueError:
        plain = ""
    found = _TEXT.fullmatch(plain)
    if found and found[3] in (None, kind):
        cursor = Cursor(_EPOCH + timedelta(microseconds=int(found[1])), found[2])
        if cursor.text() == text:
            return cursor
    cure = "Send `next` of an earlier answer as it was, or leave it out to begin anew."
    raise _refused("after", "is no cursor of this list", cure)


def _refused(field: str, detail: str, cure: str) -> Problem:
    return Problem(400, "invalid_field", f"{field}: {detail}.", field=field, cure=cure)
