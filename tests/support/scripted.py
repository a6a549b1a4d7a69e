"""A server that answers what a test has written down, a step for each request; it keeps these."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

Step = Callable[["Handler"], None]
JSON = "application/json"


@dataclass(frozen=True)
class Seen:
    """One request as it came; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Scripted"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.take(Seen(self.command, self.path, headers, body))(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is theirs
        pass

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def reset(self) -> None:
        """End the connection at once, without goodbye."""
        self.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True


class Scripted(ThreadingTCPServer):
    """``seen``: all requests; ``steps``: what is answered next, the last one for ever."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.seen: list[Seen] = []
        self.steps: list[Step] = []
        self._lock = threading.Lock()

    def script(self, *steps: Step) -> None:
        with self._lock:
            self.steps = [*steps]

    def take(self, seen: Seen) -> Step:
        with self._lock:
            self.seen.append(seen)
            return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is what some tests are about."""


@contextmanager
def scripted() -> Iterator[Scripted]:
    with Scripted() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def answer(body: object = None, status: int = 200, **headers: str) -> Step:
    """*body* as JSON, or bytes as they are; header names with ``_`` for ``-``."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def step(handler: Handler) -> None:
        handler.head(status, {"Content-Type": JSON, "Content-Length": str(len(data)), **named})
        handler.wfile.write(data)

    return step


def problem(status: int, code: str, **members: object) -> Step:
    """A refusal as the API words it; ``headers`` among *members* are its headers."""
    headers: Any = members.pop("headers", {})
    body = {"code": code, "detail": f"It is {code}.", "request_id": "r-1", **members}
    return answer(body, status, Content_Type="application/problem+json", **headers)


def cut(sent: bytes = b"", length: int = 1000, status: int = 200, **headers: str) -> Step:
    """Promise *length* bytes, send *sent*, and break off."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def step(handler: Handler) -> None:
        handler.head(status, {"Content-Type": JSON, "Content-Length": str(length), **named})
        handler.wfile.write(sent)
        handler.reset()

    return step


def hang_up(handler: Handler) -> None:
    """Take the request and say nothing."""
    handler.reset()


def stream(*pieces: bytes, hold: threading.Event | None = None) -> Step:
    """Server-Sent Events, chunk by chunk; then the end, or the wait for *hold*."""

    def step(handler: Handler) -> None:
        handler.head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
        if hold is not None:
            hold.wait(30)
        handler.close_connection = True

    return step


def event(body: Mapping[str, Any], event_id: str) -> bytes:
    return f"id: {event_id}\ndata: {json.dumps(body)}\n\n".encode()
