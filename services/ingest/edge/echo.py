"""``POST /internal/token``: proof that a caller's token arrives here as it was sent.

Cloud Run takes the signature off every token that its invoker check has accepted. Ingest's check
is off, so that tokens can be verified here; ``make verify`` proves that they come whole.
"""

import hashlib

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue


def echo_routes() -> Blueprint:
    """The one route; anybody may call it, it tells callers nothing but what they sent."""
    internal = Blueprint("echo", __name__)
    internal.add_url_rule("/internal/token", view_func=_token, methods=["POST"])
    return internal


def _token() -> ResponseReturnValue:
    """The SHA-256, hexadecimal, of the ``Authorization`` header as it has arrived."""
    header = request.headers.get("Authorization", "")
    return jsonify(sha256=hashlib.sha256(header.encode("latin-1", "replace")).hexdigest())
