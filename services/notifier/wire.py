"""Sockets under one wall clock: what is left of it bounds every single wait.

A timeout for each read is not enough: a server that drips bytes would never meet it.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpcore

_PIECE: Final = 4096
MOST_READ: Final = 64 * 1024
"""Bytes of one answer, head included: no receiver has more to say."""


class Clock:
    """Counts down *seconds* from its making."""

    def __init__(self, seconds: float) -> None:
        """Starts it."""
        self._start = time.monotonic()
        self._end = self._start + seconds

    def left(self) -> float:
        """Seconds, above zero.

        Raises:
            TimeoutError: none is left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this attempt is over")
        return left

    def shorten(self, seconds: float) -> None:
        """End *seconds* from now, or earlier if it would."""
        self._end = min(self._end, time.monotonic() + seconds)

    def milliseconds(self) -> int:
        """Since it was made."""
        return round(1000 * (time.monotonic() - self._start))


class Wire(httpcore.NetworkBackend):
    """Connects to addresses that were looked up and checked before, whatever it is asked for."""

    def __init__(self, addresses: Sequence[str], clock: Clock) -> None:
        """*addresses*: tried in this order, while nobody takes the connection."""
        self._addresses = addresses
        self._clock = clock

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - a name says nothing about where it leads by now
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the clock is stricter
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """The first connection that comes about; no address takes the time of those after it."""
        failed: OSError = ConnectionError("no address")
        for number, address in enumerate(self._addresses):
            share = self._clock.left() / (len(self._addresses) - number)
            try:
                return _Stream(_connected(address, port, share), self._clock)
            except OSError as exc:
                failed = exc
        raise failed


class _Stream(httpcore.NetworkStream):
    def __init__(self, connection: socket.socket, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._room = MOST_READ

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        if not self._room:
            raise ConnectionError("the answer is too long")
        self._connection.settimeout(self._clock.left())
        data = self._connection.recv(min(max_bytes, _PIECE, self._room))
        self._room -= len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        left = memoryview(buffer)
        while left:
            self._connection.settimeout(self._clock.left())
            try:
                left = left[self._connection.send(left) :]
            except ConnectionError as exc:
                # Some answer before they have read all, and close: that answer counts.
                raise httpcore.WriteError from exc

    def close(self) -> None:
        self._connection.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        try:
            self._connection.settimeout(self._clock.left())
            # The handshake as a whole ends with the socket's timeout.
            secured = ssl_context.wrap_socket(self._connection, server_hostname=server_hostname)
        except BaseException:
            self.close()
            raise
        return _Stream(secured, self._clock)

    def get_extra_info(self, info: str) -> Any:
        secured = isinstance(self._connection, ssl.SSLSocket)
        return self._connection if info == "ssl_object" and secured else None


def _connected(address: str, port: int, seconds: float) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.settimeout(seconds)
        made.connect((address, port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        made.close()
        raise
    return made
