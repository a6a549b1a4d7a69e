"""Which web pages a request may come from: our own, and those of the settings."""

from typing import Final
from urllib.parse import urlsplit

from flask import request

_OF_OUR_PAGES: Final = frozenset({"same-origin", "none"})
_USUAL_PORTS: Final = {"http": 80, "https": 443}


class Origins:
    """Judges the ``Origin`` of the present request, which no page can forge."""

    def __init__(self, public_url: str, listed: frozenset[str]) -> None:
        """*public_url* is where our own pages are; *listed* others may call, ``*`` is anybody."""
        self._own = _origin(public_url)
        self._listed = listed

    @property
    def secure(self) -> bool:
        """Whether our own pages come over TLS."""
        return self._own.startswith("https:")

    def own(self) -> bool:
        """Whether the request comes from a page of ours, or from none."""
        origin = request.headers.get("Origin")
        if origin is None:  # a GET of a page, an image; older browsers say nothing at all
            return request.headers.get("Sec-Fetch-Site", "none") in _OF_OUR_PAGES
        return origin in (self._own, self._beside())

    def allowed(self) -> bool:
        """Whether its page may be ours, listed, or none."""
        origin = request.headers.get("Origin")
        return origin is None or self.own() or not self._listed.isdisjoint({origin, "*"})

    def _beside(self) -> str:
        """Without TLS, which is on one's own machine, localhost and 127.0.0.1 are both ours."""
        return self._own if self.secure else f"http://{request.host}"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, _USUAL_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
