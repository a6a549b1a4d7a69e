"""What the stand-ins speak in: a request whose body is read lazily, a reply that can be spoiled."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import parse_qsl


class Request:
    """One request, its body unread until asked for.

    `path` is as sent (still percent-encoded), `query` is decoded (the last of equal names wins),
    `headers` ignores case, `fault` is the action that a fault rule chose (empty: none).
    """

    def __init__(self, method: str, target: str, headers: Message, body: Iterator[bytes]) -> None:
        """`target` is path and query of the request line, `body` yields it as it arrives."""
        self.method = method
        self.path, _, self.raw_query = target.partition("?")
        self.headers = headers
        self.fault: Mapping[str, Any] = MappingProxyType({})
        self._pieces = body
        self._whole: bytes | None = None
        self._break_after: int | None = None

    @cached_property
    def query(self) -> dict[str, str]:
        """The decoded query string, empty values included."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @property
    def body(self) -> bytes:
        """The whole body. Raises ConnectionError if the client goes away before its end."""
        if self._whole is None:
            self._whole = b"".join(self._pieces)
        return b"".join(self.chunks())

    def json(self) -> Any:
        """The body as JSON, None if it is empty. Raises ValueError if it is not JSON."""
        body = self.body
        return json.loads(body) if body else None

    def chunks(self) -> Iterator[bytes]:
        """What is unread of the body, as it arrives; after `body` has been used, all of it."""
        left = self._break_after
        for piece in self._pieces if self._whole is None else [self._whole]:
            if left is not None and len(piece) >= left:
                yield piece[:left]
                raise ConnectionResetError("a fault rule broke the upload")
            if left is not None:
                left -= len(piece)
            yield piece

    def break_after(self, count: int) -> None:
        """Make the connection die once `count` bytes of the body have been read."""
        self._break_after = count


@dataclass(frozen=True)
class FileRange:
    """`length` bytes of a file from `start`, as a response body."""

    path: Path
    start: int
    length: int


@dataclass(frozen=True)
class Response:
    """A reply; `body` is sent chunked if it is an iterable of unknown length.

    The last three are for faults: `stall` seconds pass before the first byte, the connection is
    closed after `cut` bytes of the body, `reset` sends a RST in place of any reply.
    """

    status: int = 200
    body: bytes | FileRange | Iterable[bytes] = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    stall: float = 0
    cut: int | None = None
    reset: bool = False

    @classmethod
    def json(cls, data: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Self:
        """`data` as a JSON document."""
        body = json.dumps(data).encode()
        return cls(status, body, "application/json; charset=UTF-8", headers)

    @classmethod
    def text(cls, text: str, status: int = 200) -> Self:
        """`text` as plain text."""
        return cls(status, text.encode(), "text/plain; charset=UTF-8")


Handler = Callable[[Request], Response]
