"""The guarded way out: one POST to a stranger's server, within one wall clock."""

import logging
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

import certifi
import httpcore

from services.notifier.delivery import TIMEOUT, Answer
from services.notifier.resolver import Resolve, Resolver, Unresolved, system_resolve
from services.notifier.wire import Clock, Wire
from shared.targets import Place, TargetNotAllowed, Targets, parse

USER_AGENT: Final = "Motif-Webhooks/0.1"
MAX_READ: Final = 4096
"""Bytes of the body that are taken off a receiver's hands, at most."""
_KEPT: Final = 1024
_READ_SECONDS: Final = 2.0
_ADDRESSES: Final = 3
_LONGEST_HEADER: Final = 128
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FAILURES: Final = (OSError, httpcore.ProtocolError, httpcore.NetworkError)
_CODES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (TimeoutError, TIMEOUT),
    (ConnectionRefusedError, "connection_refused"),
    (ConnectionResetError, "connection_reset"),
    (BrokenPipeError, "connection_reset"),
    (ssl.SSLError, "tls_error"),
    (Exception, "network_error"),
)


class Egress:
    """Sends webhooks; thread-safe, one per process."""

    def __init__(
        self,
        *,
        targets: Targets,
        seconds: float,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = system_resolve,
    ) -> None:
        """*seconds*: from the name's look-up to the end of the answer.

        *tls* trusts the public authorities unless given; *resolve* asks name servers.
        """
        self._targets = targets
        self._seconds = seconds
        self._tls = tls or ssl.create_default_context(cafile=certifi.where())
        self._resolver = Resolver(resolve)
        logging.getLogger("httpcore").setLevel(logging.WARNING)  # it logs what strangers say

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST once; a redirect is not followed, nothing is sent twice."""
        clock = Clock(self._seconds)
        try:
            answer = self._post(url, headers, body, clock)
        except (TargetNotAllowed, Unresolved) as exc:
            answer = Answer(code=exc.code)
        except _FAILURES as exc:
            answer = Answer(code=next(code for kind, code in _CODES if isinstance(exc, kind)))
        return replace(answer, milliseconds=clock.milliseconds())

    def _post(self, url: str, headers: Mapping[str, str], body: bytes, clock: Clock) -> Answer:
        place = parse(url)
        addresses = self._cleared(url, place, clock)[:_ADDRESSES]
        target = _target(place)
        # One connection for each attempt: in a pool one host could inherit another's.
        with (
            httpcore.HTTPConnection(
                target.origin, ssl_context=self._tls, network_backend=Wire(addresses, clock)
            ) as connection,
            connection.stream(
                "POST", target, headers=_headers(place, headers), content=body
            ) as got,
        ):
            clock.shorten(_READ_SECONDS)
            return Answer(
                status=got.status, retry_after=_retry_after(got), answer=_text(_drained(got))
            )

    def _cleared(self, url: str, place: Place, clock: Clock) -> list[str]:
        """Where to connect for *url*: the whole guard is here, and its one look-up."""
        self._targets.check(url)
        addresses = self._resolver.addresses(place.host, place.port, clock)
        self._targets.check_addresses(url, addresses)
        return addresses


def _target(place: Place) -> httpcore.URL:
    """Of its parts, so that no other parser reads the URL anew; SNI is its host."""
    return httpcore.URL(
        scheme=place.scheme.encode(),
        host=place.host.encode(),
        port=place.port,
        target=place.path.encode(),
    )


def _headers(place: Place, headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        ("Host", place.authority),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        ("Content-Type", "application/json"),
        ("User-Agent", USER_AGENT),
        *headers.items(),
    ]


def _retry_after(response: httpcore.Response) -> str:
    values = (value for name, value in response.headers if name.lower() == b"retry-after")
    return next(values, b"")[:_LONGEST_HEADER].decode("latin-1")


def _drained(response: httpcore.Response) -> bytes:
    """The body's beginning, as sent; a receiver that is cut off at once may think it failed.

    The status is the verdict: whatever goes wrong after it changes nothing.
    """
    body = b""
    with suppress(*_FAILURES):
        for piece in response.iter_stream():
            body += piece
            if len(body) >= MAX_READ:
                break
    return body


def _text(body: bytes) -> str:
    return _CONTROL.sub("", body[:_KEPT].decode(errors="replace"))
