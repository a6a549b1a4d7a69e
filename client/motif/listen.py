"""``motif listen``: a local receiver that prints and verifies events."""

import os
import re
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Final

from motif.arrivals import Arrival, Arrivals
from motif.webhooks import Webhook

_MOST_BYTES: Final = 1_000_000
_MOST_DRAINED: Final = 20_000_000
_PATIENCE: Final = 30.0


class PortTaken(Exception):
    """Somebody else listens there; the text has the cure."""


def listen(
    host: str, port: int, webhook: Webhook | None, *, status: int | None, as_json: bool
) -> None:
    """Take webhooks until Ctrl-C or SIGTERM; one line each on stdout, the rest on stderr.

    *status* is what every one is answered; None: 204, or 400 where the signature is not good.
    *port* 0 takes any free one.

    Raises:
        PortTaken: *port* cannot be had.
    """
    arrivals = Arrivals(webhook)
    handler = partial(_Handler, arrivals=arrivals, status=status, as_json=as_json)
    try:
        server = _Server((host, port), handler)
    except (OSError, OverflowError) as exc:
        raise PortTaken(f"cannot listen on {host}:{port} ({exc}): choose another --port") from None
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell may start us deaf to the first
        signal.signal(number, _interrupt)
    with server, suppress(KeyboardInterrupt):
        _greet(f"http://{host}:{server.server_address[1]}", webhook)
        server.serve_forever(poll_interval=0.1)
    print(f"\n{arrivals.summary()}", file=sys.stderr)


def _greet(url: str, webhook: Webhook | None) -> None:
    print(f"Listening on {url} for webhooks on any path; Ctrl-C ends it.", file=sys.stderr)
    if webhook is None:
        print(
            "No secret, so nothing is verified: --secret, or MOTIF_WEBHOOK_SECRET.",
            file=sys.stderr,
        )
    sys.stderr.flush()


class _Server(ThreadingTCPServer):
    """Not http.server's own: that one asks a name server for our name."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away, or sent half of what it promised: its own loss."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _PATIENCE
    default_request_version = "HTTP/1.0"  # what is no HTTP gets an answer that is
    server_version = "motif-listen"
    sys_version = ""
    _screen = threading.Lock()

    def __init__(self, *theirs: Any, arrivals: Arrivals, status: int | None, as_json: bool) -> None:
        self._arrivals = arrivals
        self._status = status
        self._as_json = as_json
        super().__init__(*theirs)  # which serves the request at once

    def do_GET(self) -> None:
        """Say that somebody is here."""
        self._answer(200, b"motif listen: webhooks are POSTed here\n")

    def do_POST(self) -> None:
        """Show a webhook, then answer it."""
        length = self.headers.get("content-length", "")
        if not re.fullmatch(r"[0-9]{1,18}", length):
            self._answer(411)
        elif int(length) > _MOST_BYTES:
            self._drain(int(length))
            self._answer(413)
        elif len(body := self.rfile.read(int(length))) == int(length):
            arrival = self._arrivals.look(self.path, self.headers, body)
            shown = self._show(arrival)
            self._answer(self._status or (400 if arrival.verified is False else 204))
            if not shown:  # whoever read our lines has gone: so do we
                os.kill(os.getpid(), signal.SIGTERM)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is theirs
        """Nothing but webhooks is shown."""

    def _show(self, arrival: Arrival) -> bool:
        line = arrival.as_json() if self._as_json else arrival.as_text()
        try:
            with self._screen:
                print(line, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return False
        return True

    def _answer(self, status: int, text: bytes = b"") -> None:
        self.send_response(status)
        if text or status != 204:  # noqa: PLR2004 - No Content has no length
            self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _drain(self, left: int) -> None:
        """Read what nobody wants: closing with it unread would be a reset, not our answer."""
        left = min(left, _MOST_DRAINED)
        while left > 0 and (chunk := self.rfile.read1(min(left, 65_536))):
            left -= len(chunk)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
