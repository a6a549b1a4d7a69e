"""WebSockets on gunicorn's own sockets, and what both kinds of streams ask of a socket.

``simple_websocket`` speaks the protocol and has a thread that reads. What it leaves to its user:
it closes the socket it was given, sends without looking whether the client takes anything, and
waits for a client's farewell for ever.
"""

import re
import select
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from threading import Event as Flag
from typing import Any, Final

from simple_websocket import ConnectionClosed, Server
from wsproto.utilities import RemoteProtocolError

from services.ingest.live.streams import Stream
from shared import shutdown

GUNICORN: Final = "gunicorn.socket"
NORMAL: Final = 1000
POLICY: Final = 1008
RESTART: Final = 1012
_KEY: Final = re.compile("[A-Za-z0-9+/]{22}==", re.ASCII)
_PATIENCE: Final = 30.0
"""Seconds that a client may take nothing at all."""
_FAREWELL: Final = 1.0
_GONE: Final = select.POLLERR | select.POLLHUP | getattr(select, "POLLRDHUP", 0)
_HEADERS: Final = (
    *("HTTP_CONNECTION", "HTTP_UPGRADE"),
    *("HTTP_SEC_WEBSOCKET_KEY", "HTTP_SEC_WEBSOCKET_VERSION"),
)


class NoHandshake(Exception):
    """Not the opening of a WebSocket (RFC 6455, version 13)."""


class _Ears(Flag):
    """The reader's flag: tells also the thread that waits for the track."""

    def __init__(self, heard: Callable[[], None]) -> None:
        super().__init__()
        self._heard = heard

    def set(self) -> None:
        super().set()
        self._heard()


def takes(sock: socket.socket | None, patience: float = _PATIENCE) -> bool:
    """Whether the client is there and takes some bytes; one that does not is hung up on.

    A write of ours is a few kB, less than the room that a socket has when it says it has some: so
    no write blocks, and no thread is lost to a client that reads nothing.
    """
    if sock is None:
        return True
    poller = select.poll()
    poller.register(sock, select.POLLOUT | _GONE)
    until = time.monotonic() + patience
    while not (found := poller.poll(1000 * _FAREWELL)):
        if shutdown.stopping() or time.monotonic() >= until:
            break
    if found and not any(seen & _GONE for _, seen in found):
        return True
    hang_up(sock)
    return False


def hang_up(sock: socket.socket) -> None:
    """End the connection at once in both directions; closing the socket is left to its owner."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has gone by itself
        return


def is_handshake(environ: Mapping[str, Any]) -> bool:
    """Whether a WebSocket is asked for, of a server that can give one."""
    wanted = environ.get("HTTP_UPGRADE", "").lower() == "websocket"
    return wanted and GUNICORN in environ


def serve(environ: Mapping[str, Any], stream: Stream, heartbeat: float) -> None:
    """Answer the handshake, send the stream's events as text messages, say goodbye.

    Close codes: 1000 after the ending, 1012 when the client should come again, 1008 when it has
    sent something. A client that answers no ping within *heartbeat* seconds is gone.

    Raises:
        NoHandshake: nothing was sent yet.
        OSError: the client has gone by now.
    """
    sock = environ[GUNICORN]
    ws = _accepted(environ, stream.wake, heartbeat)
    code, reason = RESTART, "come again"
    try:
        for event in stream.events():
            if ws.input_buffer:
                code, reason = POLICY, "this stream takes no messages"
                break
            if not ws.connected or not takes(sock):
                break
            if event is not None:
                ws.send(event.text)
        if stream.ended:
            code, reason = NORMAL, "the track has ended"
    except (ConnectionClosed, OSError):  # the client was faster
        return
    finally:
        stream.close()
        _part(ws, sock, code, reason)


def _accepted(environ: Mapping[str, Any], wake: Callable[[], None], heartbeat: float) -> Server:
    """Only what the handshake needs: no compression, which costs 300 kB for each socket."""
    if not _KEY.fullmatch(environ.get("HTTP_SEC_WEBSOCKET_KEY", "")):
        raise NoHandshake
    own = environ[GUNICORN].dup()  # the reader closes it; gunicorn would stumble over that
    asked = {name: environ[name] for name in _HEADERS if name in environ}
    try:
        return Server.accept(
            {**asked, "HTTP_HOST": "motif", GUNICORN: own},
            ping_interval=heartbeat,
            max_message_size=1024,
            event_class=partial(_Ears, wake),
        )
    except RemoteProtocolError:
        own.close()
        raise NoHandshake from None
    except OSError:
        own.close()
        raise


def _part(ws: Server, sock: socket.socket, code: int, reason: str) -> None:
    """Close, wait a moment for the answer, then end the connection: gunicorn would wait longer,
    in its one thread that accepts.
    """
    try:
        if ws.connected and takes(sock, 0):
            ws.close(code, reason)
            ws.thread.join(_FAREWELL)
    except (ConnectionClosed, OSError):
        pass  # the client was faster
    finally:
        hang_up(sock)
        ws.thread.join(_FAREWELL)
