"""HTTP with the API: the key goes nowhere else, repeats where they help, all of it bounded."""

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from platform import python_version
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from motif.errors import BadAnswer, Misuse, MotifError, Unavailable, of_answer
from motif.retries import Deadline, pause, retry_after
from motif.text import plain
from motif.version import __version__

_CONNECT: Final = 10.0
_READ: Final = 30.0
_LARGEST: Final = 16_000_000
"""Bytes of an answer that is no file."""
_MOST_REDIRECTS: Final = 5
_LOOPBACK: Final = re.compile(r"localhost|127\.[0-9.]+|\[?::1\]?")
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Form:
    """A body of multipart/form-data with one file."""

    name: str
    data: bytes

    def encoded(self) -> tuple[str, bytes]:
        """Its type, and its bytes."""
        mark = uuid.uuid4().hex
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="{self.name}"; filename="file"\r\n'
        )
        kind = "Content-Type: application/octet-stream\r\n\r\n"
        body = b"".join(((head + kind).encode(), self.data, f"\r\n--{mark}--\r\n".encode()))
        return f"multipart/form-data; boundary={mark}", body


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One question to the API."""

    method: str
    path: str
    """Below the base URL, with a slash before it; or a whole URL of the API."""
    body: Mapping[str, Any] | None = None
    form: Form | None = None
    """In the place of ``body``."""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool
    """Doing it twice is doing it once."""
    patience: float = 0.0
    """Seconds that the answer may take beyond what is usual."""


class Transport:
    """Asks, and asks again; thread-safe."""

    def __init__(self, base_url: str, key: str, timeout: float) -> None:
        """*timeout*: seconds that one call may take, all its repeats included.

        Raises:
            Misuse: the URL or the key cannot be used.
        """
        self._base = _checked_base(base_url)
        self._key = _checked_key(key, self._base)
        self.timeout = timeout
        agent = f"motif-client/{__version__} python/{python_version()}"
        try:
            self._http = httpx.Client(headers={"User-Agent": agent})
        except (ValueError, OSError, ImportError, httpx.InvalidURL) as exc:
            cure = "See HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR."
            raise Misuse(f"The environment's network is no good: {plain(exc)}.", cure) from None

    def close(self) -> None:
        """Let go of all connections."""
        self._http.close()

    def json(self, call: Call, timeout: float | None = None) -> dict[str, Any]:
        """The JSON object that answers *call*; an empty one for 204.

        Raises:
            MotifError: refused, away for *timeout* seconds (default: the client's), no JSON.
        """
        deadline = Deadline(self.timeout if timeout is None else timeout)
        kind, content = _content(call)
        for attempt in count():
            try:
                return self._once(call, kind, content, deadline)
            except MotifError as exc:
                rest = pause(exc, attempt, repeatable=call.repeatable)
                if rest is None or rest >= deadline.left():
                    raise
            time.sleep(rest)
        raise AssertionError  # `count` has no end

    @contextmanager
    def open(
        self, url: str, headers: Mapping[str, str], read: float = _READ
    ) -> Iterator[httpx.Response]:
        """A GET whose answer is read piece by piece, with no more than *read* seconds between.

        Redirects are followed, to a host that is not the API's without the key.

        Raises:
            MotifError: no such answer, or it broke off: also from within the block.
        """
        with _translated():
            response = self._followed(self.own(url), headers, _timeouts(read))
            try:
                if not response.is_success:
                    raise _error(response, _whole(response, Deadline(read)))
                yield response
            finally:
                response.close()

    def own(self, url: str) -> str:
        """*url*, a link of the API, as it is reached from here: below the base URL that was given.

        Behind a proxy or a tunnel the API may call itself by another name.
        """
        if not url.startswith(("http://", "https://")):
            return self._base + url
        if url.startswith(f"{self._base}/"):
            return url
        _, slash, rest = url.partition("/v1/")
        if not slash:
            raise BadAnswer("A link of the API does not lead to the API.")
        return f"{self._base}{slash}{rest}"

    def _once(
        self, call: Call, kind: str, content: bytes | None, deadline: Deadline
    ) -> dict[str, Any]:
        headers = {"Accept": "application/json", **call.headers}
        if content is not None:
            headers["Content-Type"] = kind
        url = httpx.URL(self.own(call.path))
        if call.query:
            url = url.copy_merge_params(call.query)
        timeouts = _timeouts(min(_READ + call.patience, deadline.left()))
        request = self._request(call.method, url, headers, timeouts, content)
        with _translated():
            response = self._http.send(request, stream=True)
            try:
                return _object(response, _whole(response, deadline))
            finally:
                response.close()

    def _request(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        timeouts: httpx.Timeout,
        content: bytes | None = None,
    ) -> httpx.Request:
        if self._key and _origin(str(url)) == _origin(self._base):
            headers = {**headers, "Authorization": f"Bearer {self._key}"}
        return self._http.build_request(
            method, url, headers=headers, content=content, timeout=timeouts
        )

    def _followed(
        self, url: str, headers: Mapping[str, str], timeouts: httpx.Timeout
    ) -> httpx.Response:
        here = httpx.URL(url)
        for _ in range(_MOST_REDIRECTS):
            request = self._request("GET", here, headers, timeouts)
            response = self._http.send(request, stream=True)
            if not response.has_redirect_location:
                return response
            response.close()
            there = here.join(response.headers["Location"])
            if here.scheme == "https" and there.scheme != "https":
                raise BadAnswer("A redirect leads from https to where everybody can listen.")
            here = there
        raise BadAnswer("Too many redirects.")


@contextmanager
def _translated() -> Iterator[None]:
    """The family of errors instead of the library's."""
    try:
        yield
    except (httpx.UnsupportedProtocol, httpx.DecodingError, httpx.InvalidURL) as exc:
        raise BadAnswer(f"The answer cannot be read: {type(exc).__name__}.") from None
    except httpx.TransportError as exc:
        unheard = isinstance(exc, _NOT_SENT)
        raise Unavailable(
            "unreachable" if unheard else "connection_lost",
            f"The API does not answer ({plain(exc, 200) or type(exc).__name__}).",
            cure="Check the base URL and the network, or try again later.",
            temporary=True,
            unheard=unheard,
        ) from None


def _whole(response: httpx.Response, deadline: Deadline) -> bytes:
    """The body, if it comes in time and is no flood."""
    chunks, size = [], 0
    for chunk in response.iter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > _LARGEST:
            raise BadAnswer("The answer is too long to be one of the API.")
        if deadline.passed:
            raise httpx.ReadTimeout("the answer comes too slowly")
    return b"".join(chunks)


def _object(response: httpx.Response, body: bytes) -> dict[str, Any]:
    if response.status_code == httpx.codes.NO_CONTENT:
        return {}
    if not response.is_success:
        raise _error(response, body)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadAnswer("The answer is no JSON object.", status=response.status_code)
    return found


def _error(response: httpx.Response, body: bytes) -> MotifError:
    headers = response.headers
    after = retry_after(headers.get("Retry-After"), headers.get("Date"))
    return of_answer(response.status_code, body, headers.get("X-Request-Id", ""), after)


def _content(call: Call) -> tuple[str, bytes | None]:
    if call.form is not None:
        return call.form.encoded()
    try:
        content = None if call.body is None else json.dumps(call.body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise Misuse(f"This cannot be sent as JSON: {exc}.") from None
    return "application/json", content


def _timeouts(read: float) -> httpx.Timeout:
    return httpx.Timeout(max(0.001, read), connect=max(0.001, min(_CONNECT, read)))


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = httpx.URL(url)
    return parts.scheme, parts.host, parts.port


def _checked_base(base_url: str) -> str:
    base = base_url.strip().rstrip("/")
    try:
        parts = urlsplit(base)
        good = parts.scheme in ("http", "https") and parts.hostname and httpx.URL(base)
        extra = parts.query or parts.fragment or parts.username or parts.password
    except (ValueError, httpx.InvalidURL):
        good, extra = None, ""
    if not good or extra:
        cure = "Give one such as https://music.example.com, or set MOTIF_URL."
        raise Misuse("This is no base URL of an API.", cure, field="base_url")
    return base


def _checked_key(key: str, base: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]*", key):
        raise Misuse("The API key holds a blank or a letter that no key has.", field="key")
    if (
        key
        and base.startswith("http://")
        and not _LOOPBACK.fullmatch(urlsplit(base).hostname or "")
    ):
        cure = "Use the https URL of the API."
        raise Misuse(
            "The API key would travel where everybody can read it.", cure, field="base_url"
        )
    return key
