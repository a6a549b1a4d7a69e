"""``/openapi.json`` and ``/docs``: made at first use, then the same bytes for everybody."""

import hashlib
import re
from functools import cached_property
from typing import Any, Final

from flask import Blueprint, Flask, Response, current_app, json, request
from werkzeug.exceptions import NotFound

from services.ingest.config import Settings
from services.ingest.openapi import calls, page
from services.ingest.openapi.document import Document

_ASSETS: Final = {
    "docs.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
}
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)


class DocumentRoutes:
    """The views, with what they serve."""

    def __init__(self, settings: Settings) -> None:
        """*settings* say where the API is reached, and whether it wants keys."""
        self._base = settings.public_url.rstrip("/")
        self._auth = settings.api_auth == "on"

    def blueprint(self) -> Blueprint:
        """The document, its page, and what the page loads."""
        api = Blueprint("openapi", __name__)
        api.add_url_rule("/openapi.json", view_func=self.document, methods=["GET"])
        api.add_url_rule("/docs", view_func=self.docs, methods=["GET"])
        api.add_url_rule("/docs/<name>", view_func=self.asset, methods=["GET"])
        return api

    def document(self) -> Response:
        """The OpenAPI document of the calls that are served here."""
        return _answer(self._document, "application/json")

    def docs(self) -> Response:
        """The same for people."""
        return _answer(self._page, "text/html; charset=utf-8")

    def asset(self, name: str) -> Response:
        """What the page loads."""
        if name not in _ASSETS:
            raise NotFound
        return _answer((page.FOLDER / name).read_bytes(), _ASSETS[name])

    @cached_property
    def _made(self) -> dict[str, Any]:
        served = [call for call in calls.CALLS if (call.method, call.path) in rules(current_app)]
        return Document(served, self._base, auth=self._auth).made()

    @cached_property
    def _document(self) -> bytes:
        return json.dumps(self._made).encode()

    @cached_property
    def _page(self) -> bytes:
        return page.render(self._made).encode()


def rules(app: Flask) -> set[tuple[str, str]]:
    """Method and path of every rule of *app*, as the tables of calls write them."""
    return {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def _answer(body: bytes, content_type: str) -> Response:
    response = Response(body, content_type=content_type)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = _POLICY
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    response.make_conditional(request)
    return response
