"""Server-Sent Events: bytes in, events out."""

import codecs
from typing import Final, NamedTuple

from motif.errors import BadAnswer

_LARGEST: Final = 4_000_000
"""Characters of one event; a track takes some ten thousand."""
_LONGEST_RETRY_DIGITS: Final = 9


class Event(NamedTuple):
    """One event, whole."""

    data: str
    id: str
    """The last one told, which may be that of an earlier event."""


class Events:
    """Reads one stream; what is cut off in the middle of an event never was one."""

    def __init__(self, last_id: str = "") -> None:
        """*last_id*: where an earlier stream has ended."""
        self.last_id = self._id = last_id
        self.retry: float | None = None
        """Seconds that the server wants us to wait before a reconnect."""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._after_return = False
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that *chunk* completes.

        Raises:
            BadAnswer: an event has no end.
        """
        self._size += len(chunk)
        *lines, self._rest = self._split(self._decoder.decode(chunk))
        found = [event for line in lines if (event := self._line(line)) is not None]
        if self._size > _LARGEST:
            raise BadAnswer("The stream of events sends an event that has no end.")
        return found

    def _split(self, text: str) -> list[str]:
        # A line ends with CR, LF or both; the pair may come in two pieces.
        if self._after_return and text:
            text = text.removeprefix("\n")
        if text:
            self._after_return = text.endswith("\r")
        return (self._rest + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdecimal():
                self.retry = int(value[:_LONGEST_RETRY_DIGITS]) / 1000
        return None

    def _dispatch(self) -> Event | None:
        data, self._data, self._size = self._data, [], 0
        self.last_id = self._id  # not before: of an event that is cut off we have seen nothing
        return Event("\n".join(data), self.last_id) if data else None
