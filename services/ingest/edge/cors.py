"""CORS for browsers: preflights answered here, allowed origins from settings."""

from typing import Final

from flask import Flask, Response, request

_METHODS: Final = "GET, POST, DELETE, OPTIONS"
_SENT: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-CSRF-Token,"
    " X-Request-Id"
)
_SHOWN: Final = (
    "ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
)


def add_cors(app: Flask, origins: frozenset[str]) -> None:
    """Answer preflights with 204, and name the caller's origin where it is one of *origins*."""

    def preflight() -> Response | None:
        return Response(status=204) if request.method == "OPTIONS" else None

    def headers(response: Response) -> Response:
        origin = request.headers.get("Origin", "")
        if "*" not in origins:
            response.vary.add("Origin")
            if origin not in origins:
                return response
        response.headers["Access-Control-Allow-Origin"] = "*" if "*" in origins else origin
        response.headers["Access-Control-Expose-Headers"] = _SHOWN
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _SENT
            response.headers["Access-Control-Max-Age"] = "3600"
        return response

    app.before_request(preflight)
    app.after_request(headers)
