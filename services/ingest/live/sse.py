"""Server-Sent Events as bytes, and the ids that make a stream resumable."""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

HEARTBEAT: Final = b": heartbeat\n\n"
_ID: Final = re.compile(r"([0-9]{1,4})-([0-9]{1,17})(\.end)?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SOON: Final = range(500, 2500)
"""Milliseconds after which a client comes back: not all of them at once."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a client has seen of a track; clients take its text as it is."""

    run: int
    version: int
    """Microseconds since 1970: Firestore's time of the document's last write."""
    ended: bool

    @classmethod
    def of(cls, run: int, version: datetime, *, ended: bool) -> Self:
        """The mark of one version of a track."""
        return cls(run, (version - _EPOCH) // timedelta(microseconds=1), ended)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """What ``str`` made; None for anything else."""
        found = _ID.fullmatch(text)
        return cls(int(found[1]), int(found[2]), bool(found[3])) if found else None

    def __str__(self) -> str:
        """The event's id."""
        return f"{self.run}-{self.version}{'.end' if self.ended else ''}"


def event(mark: Mark, line: str) -> bytes:
    """One event; *line* is JSON without a line break."""
    return f"id: {mark}\ndata: {line}\n\n".encode()


def retry() -> bytes:
    """When to come back after the connection is lost."""
    return f"retry: {_SOON.start + secrets.randbelow(len(_SOON))}\n\n".encode()
