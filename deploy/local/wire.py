"""HTTP/1.1 on one connection: keep-alive, chunked bodies, replies cut, stalled or reset."""

import collections
import socket
import struct
import time
import traceback
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from deploy.local.exchange import FileRange, Handler, Request, Response

_PIECE = 256 * 1024
_BODILESS = frozenset({204, 304})


class Connection(BaseHTTPRequestHandler):
    """One client connection: turns what arrives into `Request`, writes `Response`."""

    protocol_version = "HTTP/1.1"
    server_version = "motif-local"
    disable_nagle_algorithm = True

    def __init__(self, answer: Handler, *connection: Any) -> None:
        """Serve one connection to its end; `connection` is what socketserver hands over."""
        self._handler = answer
        super().__init__(*connection)

    def _answer(self) -> None:
        request = Request(self.command, self.path, self.headers, self._body())
        try:
            response = self._ask(request)
            if response.reset:
                self._reset()
            else:
                collections.deque(request.chunks(), maxlen=0)
                self._write(response)
        except ConnectionError:
            self._reset()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815  # http.server wants these names

    def _ask(self, request: Request) -> Response:
        if request.path == "/" and request.method == "GET":
            return Response.text("OK")
        try:
            return self._handler(request)
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001  # a fault of a stand-in must show, not hang its clients
            traceback.print_exc()
            return Response.text("internal error of the stand-in", 500)

    def _body(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while size := int(self._line().split(b";")[0], 16):
                yield from self._exactly(size)
                self._line()
            while self._line():
                pass
        else:
            yield from self._exactly(int(self.headers.get("Content-Length", 0)))

    def _line(self) -> bytes:
        line = self.rfile.readline(65536)
        if not line.endswith(b"\n"):
            raise ConnectionAbortedError("the body ends early")
        return line.strip()

    def _exactly(self, left: int) -> Iterator[bytes]:
        while left:
            piece = self.rfile.read1(min(left, _PIECE))
            if not piece:
                raise ConnectionAbortedError("the body ends early")
            left -= len(piece)
            yield piece

    def _write(self, response: Response) -> None:
        time.sleep(response.stall)
        self.send_response(response.status)
        if response.content_type:
            self.send_header("Content-Type", response.content_type)
        for name, value in response.headers:
            self.send_header(name, value)
        length = _length(response.body)
        if response.status not in _BODILESS:
            if length is None:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD" and response.status not in _BODILESS:
            self._write_body(response, chunked=length is None)

    def _write_body(self, response: Response, *, chunked: bool) -> None:
        left = response.cut
        for piece in _pieces(response.body):
            kept = piece if left is None else piece[:left]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(kept), kept) if chunked else kept)
            if left is not None and (left := left - len(kept)) <= 0:
                self.close_connection = True
                return
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        """Close with a RST: a plain close would send FIN, which looks like an orderly end."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # Detached, because rfile keeps the socket open past its close().
        socket.close(self.connection.detach())

    def log_message(self, *_: Any) -> None:
        """Say nothing: request lines carry signatures."""


def _length(body: bytes | FileRange | Iterable[bytes]) -> int | None:
    if isinstance(body, bytes):
        return len(body)
    return body.length if isinstance(body, FileRange) else None


def _pieces(body: bytes | FileRange | Iterable[bytes]) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, FileRange):
        yield from _file_pieces(body)
    else:
        yield from body


def _file_pieces(part: FileRange) -> Iterator[bytes]:
    left = part.length
    with part.path.open("rb") as file:
        file.seek(part.start)
        while left and (piece := file.read(min(left, _PIECE))):
            left -= len(piece)
            yield piece
