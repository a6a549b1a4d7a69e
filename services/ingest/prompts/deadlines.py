"""How long a body may take to arrive: a client that sends a byte now and then holds a place."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from flask import request


@contextmanager
def arriving(seconds: float) -> Iterator[threading.Event]:
    """While the present request's body is read: after *seconds* it ends as if it were cut off.

    What is yielded says whether that was so. The answer can still be sent; the connection then
    closes. Needs gunicorn, whose socket has no deadline of its own.
    """
    late = threading.Event()
    connection = request.environ.get("gunicorn.socket")
    if connection is None:
        yield late
        return
    timer = threading.Timer(seconds, _end, (connection, late))
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        timer.join()  # the socket may serve another request next


def _end(connection: Any, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):  # the client has gone
        connection.shutdown(socket.SHUT_RD)
