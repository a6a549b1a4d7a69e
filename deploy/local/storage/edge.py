"""Cloud CDN before one bucket: signed URLs and prefixes, as its page "Use signed URLs" has them.

What is signed carries ``Signature``; all else is Cloud Storage's own business, as it is there.
Nothing is cached here: what is erased is gone at once; Cloud CDN serves it until the link has died.
"""

import base64
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote

from deploy.local.http import Request, Response
from deploy.local.storage import cors, media, objects
from deploy.local.storage.problems import Problem
from deploy.local.storage.state import State

_METHODS = ("GET", "HEAD", "OPTIONS")
_END = r"Expires=(?P<expires>\d{1,12})&KeyName=(?P<name>[\w-]{1,63})"
_WHOLE = re.compile(rf"(?P<signed>\S*[?&]{_END})&Signature=(?P<signature>[\w=-]+)", re.ASCII)
_PREFIX = re.compile(
    rf"\S*[?&](?P<signed>URLPrefix=(?P<prefix>[\w=-]+)&{_END})&Signature=(?P<signature>[\w=-]+)"
    r"(&\S*)?",
    re.ASCII,
)
_PASSED_ON = ("generation",)
"""Of the query: what Cloud Storage hears of it through a backend bucket, for certain."""
_FORBIDDEN = b"<!doctype html><meta charset=utf-8><title>403</title>403 Forbidden"


@dataclass
class BackendBucket:
    """What the load balancer sends to one bucket; *keys*: name -> the key's 16 bytes."""

    bucket: str = ""
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def takes(self, request: Request) -> bool:
        """Whether the request is signed for it, well or badly."""
        return "Signature" in request.query

    def answer(self, state: State, request: Request) -> Response:
        """The object's bytes, or 403; CORS as the bucket wants it."""
        if not self._allows(request, time.time()):
            return Response(403, _FORBIDDEN, "text/html; charset=UTF-8")
        try:
            response = self._object(state, request)
        except Problem as problem:
            response = problem.as_xml()
        with state.transaction() as tables:
            allowed = cors.headers(tables.bucket(self.bucket) or {}, request)
        return replace(response, headers=response.headers + allowed)

    def _object(self, state: State, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(200)
        name = unquote(request.path).removeprefix("/")
        query = {key: value for key, value in request.query.items() if key in _PASSED_ON}
        return media.download(objects.get(state, self.bucket, name, query), request, query)

    def _allows(self, request: Request, now: float) -> bool:
        url = f"http://{request.headers.get('Host', '')}{request.path}?{request.raw_query}"
        names = [name for name, _ in parse_qsl(request.raw_query, keep_blank_values=True)]
        found = (_PREFIX if "URLPrefix" in names else _WHOLE).fullmatch(url)
        if not found or request.method not in _METHODS or names.count("Signature") != 1:
            return False
        key = self.keys.get(found["name"])
        return (
            key is not None
            and hmac.compare_digest(found["signature"], _signature(found["signed"], key))
            and int(found["expires"]) > now
            and ("URLPrefix" not in names or _within(url, found["prefix"]))
        )


def _signature(text: str, key: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), "sha1")).decode()


def _within(url: str, prefix: str) -> bool:
    try:
        return url.startswith(base64.urlsafe_b64decode(prefix).decode())
    except ValueError:
        return False
