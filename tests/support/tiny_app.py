"""The smallest service, for tests of what only a real server shows."""

import logging
import time

from flask import Flask, request
from flask.typing import ResponseReturnValue

from services.ingest.prompts.reading import read_image
from shared import shutdown
from shared.edge import new_app, read_body

_log = logging.getLogger(__name__)


def create_app() -> Flask:
    """Wait for the end, sleep through it, read a body, break."""
    app = new_app(__name__)
    app.add_url_rule("/wait", "wait", _wait)
    app.add_url_rule("/sleep", "sleep", _sleep)
    app.add_url_rule("/read", "read", lambda: {"n": len(read_body(10))}, methods=["POST"])
    app.add_url_rule("/image", "image", _image, methods=["POST"])
    app.add_url_rule("/bug", "bug", _bug)
    shutdown.at_exit(lambda: _log.info("flushed"))
    return app


def _wait() -> ResponseReturnValue:
    _log.info("waiting")
    return {"stopping": shutdown.wait(30)}


def _sleep() -> ResponseReturnValue:
    _log.info("sleeping")
    time.sleep(5)
    return {}


def _image() -> ResponseReturnValue:
    return {"n": len(read_image(float(request.args["seconds"])))}


def _bug() -> ResponseReturnValue:
    raise RuntimeError("a\nbug")
