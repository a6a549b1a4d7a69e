"""What is left unread of a body that was refused, so that its sender can read why."""

import logging
import time
from http import HTTPStatus
from typing import Final

from flask import Flask, Response, request

log = logging.getLogger(__name__)

_MOST: Final = 32 * 2**20
"""Cloud Run takes no longer requests."""
_SECONDS: Final = 5.0
_PART: Final = 2**16


def read_leftovers(app: Flask) -> None:
    """Read on to the end of what was refused, within limits, and throw it away.

    A server that closes a connection with input unread resets it, and the answer is lost;
    gunicorn itself reads no more than 64 kB.
    """

    def finish(response: Response) -> Response:
        # Some servers do not tell where a body ends: there is nothing to be read safely.
        known = request.environ.get("wsgi.input_terminated", False)
        if known and response.status_code >= HTTPStatus.BAD_REQUEST:
            _discard()
        return response

    app.after_request(finish)


def _discard() -> None:
    left, until = _MOST, time.monotonic() + _SECONDS
    try:
        while left > 0 and time.monotonic() < until:
            part = request.environ["wsgi.input"].read(_PART)
            if not part:
                return
            left -= len(part)
    except Exception:  # noqa: BLE001 - each WSGI server has its own errors for bad chunks
        log.info("the rest of a body cannot be read")
