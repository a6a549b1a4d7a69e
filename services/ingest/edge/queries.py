"""What a query may carry: a name that nobody reads is refused, as an unknown field is."""

from collections.abc import Collection
from typing import Final

from flask import Flask, request
from werkzeug.datastructures import MultiDict

from shared.problems import Problem

KNOWN: Final = {
    "/v1/tracks": ("after", "limit", "status", "style", "batch"),
    "/v1/tracks/<track_id>": ("wait",),
    "/v1/tracks/<track_id>/audio.<name>": ("download",),
    "/v1/usage": ("days",),
    "/v1/webhooks/events": ("after", "limit"),
    "/v1/webhooks/endpoints": ("after", "limit"),
}
"""Rule of a GET -> the names in its query; all other calls below ``/v1`` have none."""


def check_queries(app: Flask) -> None:
    """Refuse what no call reads, everywhere below ``/v1``.

    To be called after callers are admitted: nobody else is told anything.
    """

    def check() -> None:
        rule = request.url_rule
        if rule is None or not rule.rule.startswith("/v1/") or request.method == "OPTIONS":
            return
        reads = request.method in ("GET", "HEAD")
        check_query(request.args, KNOWN.get(rule.rule, ()) if reads else ())

    app.before_request(check)


def check_query(query: MultiDict[str, str], names: Collection[str]) -> None:
    """Return when *query* holds nothing but *names*, each once.

    Raises:
        Problem: 400, naming the first that should not be there.
    """
    for name, values in query.lists():
        if name not in names:
            cure = f"Use only: {', '.join(names)}." if names else "This call takes no query."
            raise refused(name, "is not a parameter of this call", cure)
        if len(values) > 1:
            raise refused(name, "comes more than once", "Send it once.")


def refused(field: str, detail: str, cure: str) -> Problem:
    """A 400 about one parameter."""
    return Problem(400, "invalid_field", f"{field}: {detail}.", field=field, cure=cure)
