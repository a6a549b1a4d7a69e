"""The HTTP base of all stand-ins: a threaded HTTP/1.1 server around one function."""

import signal
import sys
import threading
from functools import partial
from http.server import ThreadingHTTPServer
from typing import Self

from deploy.local.exchange import FileRange, Handler, Request, Response
from deploy.local.wire import Connection

__all__ = ["FileRange", "Handler", "Request", "Response", "Server", "serve"]


class Server(ThreadingHTTPServer):
    """A server that runs on a thread of its own inside its `with` block."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, handle: Handler, port: int = 0, host: str = "127.0.0.1") -> None:
        """Port 0 takes a free one. `GET /` answers 200 without asking `handle`."""
        super().__init__((host, port), partial(Connection, handle))
        self.url = f"http://{host}:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving; idle connections end with the process."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Report what went wrong, unless it is only a client that has gone away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # wider here


def serve(handle: Handler, port: int, host: str = "127.0.0.1") -> None:
    """Serve until SIGTERM or SIGINT, then return; to be called from the main thread."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Server(handle, port, host) as server:
        print(f"listening on {server.url}", flush=True)
        stop.wait()
