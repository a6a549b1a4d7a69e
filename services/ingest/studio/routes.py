"""``GET /`` and ``/studio/<version>/<file>``: static, without a key."""

from typing import Final

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from services.ingest.studio.files import Asset, Bundle, load

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


class StudioRoutes:
    """The views, with the files that they serve."""

    def __init__(self, bucket_origin: str) -> None:
        """*bucket_origin*: where signed URLs of audio and pictures lead to, without a slash."""
        self._bundle: Bundle = load()
        self._headers = {
            "Content-Security-Policy": policy(bucket_origin),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
        }

    def blueprint(self) -> Blueprint:
        """The page, and its files."""
        api = Blueprint("studio", __name__)
        api.add_url_rule("/", view_func=self.page, methods=["GET"])
        api.add_url_rule("/studio/<version>/<name>", view_func=self.asset, methods=["GET"])
        return api

    def page(self) -> ResponseReturnValue:
        """The page itself; browsers ask again each time, and mostly hear 304."""
        return self._answer(self._bundle.page, _ASK_AGAIN)

    def asset(self, version: str, name: str) -> ResponseReturnValue:
        """One file; of another version, as ours: a deployment has two for some moments."""
        found = self._bundle.assets.get(name)
        if found is None:
            raise NotFound
        return self._answer(found, _FOR_EVER if version == self._bundle.version else _ASK_AGAIN)

    def _answer(self, asset: Asset, cache: str) -> ResponseReturnValue:
        response = Response(asset.body, headers=self._headers, content_type=asset.mime_type)
        response.headers["Cache-Control"] = cache
        response.set_etag(asset.etag)
        return response.make_conditional(request)


def policy(bucket_origin: str) -> str:
    """The page's Content-Security-Policy: nothing but our own files, and the bucket's."""
    stored = f"'self' {bucket_origin}"
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": stored,
        "media-src": stored,
        "connect-src": stored,
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
