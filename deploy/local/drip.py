"""Replies that trickle in byte by byte: each read succeeds, and yet the reply does not end."""

import time
from dataclasses import replace
from functools import partial
from typing import Final

from deploy.local.http import Handler, Response, Server
from deploy.local.wire import Connection

_PAUSE: Final = "Drip-Seconds"


def dripping(response: Response, seconds: float) -> Response:
    """*response* with *seconds* between the bytes of its head, from a ``DripServer``."""
    return replace(response, headers=(*response.headers, (_PAUSE, str(seconds))))


class DripServer(Server):
    """A server that can send what ``dripping`` made."""

    def __init__(self, handle: Handler, port: int = 0) -> None:
        """Port 0 takes a free one."""
        super().__init__(handle, port)
        self.RequestHandlerClass = partial(_Dripping, handle)


class _Dripping(Connection):
    _pause = 0.0
    _headers_buffer: list[bytes]  # http.server's own

    def send_header(self, keyword: str, value: str) -> None:
        if keyword == _PAUSE:
            self._pause = float(value)
        else:
            super().send_header(keyword, value)

    def flush_headers(self) -> None:
        pause, self._pause = self._pause, 0.0
        if pause:
            head, self._headers_buffer = b"".join(self._headers_buffer), []
            for byte in head:
                self.wfile.write(bytes((byte,)))
                time.sleep(pause)
        super().flush_headers()
