"""The token issuer's certificates, cached; asked for again only now and then.

Format of Google's ``oauth2/v1/certs``: a JSON object, key id -> PEM certificate; freshness as
in RFC 9111 (``max-age`` less ``Age``).
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import requests
from google.auth.crypt import RSAVerifier
from werkzeug.datastructures import ResponseCacheControl
from werkzeug.http import parse_cache_control_header

from shared.errors import RetryableError

_FRESH_DEFAULT: Final = 3600
_FRESH_LIMIT: Final = 86_400
_PAUSE: Final = 30
"""Seconds between two requests, so that invented key ids cannot drive us."""
_PAUSE_AFTER_FAILURE: Final = 5
_TIMEOUT: Final = (3.05, 5)


def _boot_seconds() -> float:
    """Monotonic seconds that count on while the instance is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Certificates:
    """PEM certificates by key id. Threads share it: one fetches, the others wait for it."""

    def __init__(self, url: str, clock: Callable[[], float] = _boot_seconds) -> None:
        """Nothing is fetched before the first ``find``."""
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, str] = {}
        self._fresh_until = clock()
        self._not_before = self._fresh_until
        self._failed = False

    def find(self, key_id: str) -> str | None:
        """The certificate of *key_id*; None when the issuer has no such key.

        Raises:
            RetryableError: the issuer did not answer, now or a moment ago.
        """
        certificate = self._cached(key_id)
        if certificate is None:
            with self._lock:
                certificate = self._asked(key_id)
        return certificate

    def _cached(self, key_id: str) -> str | None:
        return self._keys.get(key_id) if self._clock() < self._fresh_until else None

    def _asked(self, key_id: str) -> str | None:
        if self._clock() >= self._not_before:
            self._ask()
        if self._failed:
            raise RetryableError(
                "the token issuer's certificates cannot be fetched",
                code="certificates_unavailable",
            )
        return self._keys.get(key_id)

    def _ask(self) -> None:
        try:
            keys, seconds = _fetch(self._url)
        except (requests.RequestException, ValueError):
            self._failed = True
            self._not_before = self._clock() + _PAUSE_AFTER_FAILURE
            return
        # In this order: nobody who reads without the lock may take old keys for fresh ones.
        self._keys, self._failed = keys, False
        now = self._clock()
        self._not_before = now + _PAUSE
        self._fresh_until = now + min(seconds, _FRESH_LIMIT)


def _fetch(url: str) -> tuple[Mapping[str, str], float]:
    """The keys, and for how many seconds they are fresh."""
    answer = requests.get(url, timeout=_TIMEOUT)
    keys = answer.json() if answer.status_code == requests.codes.ok else None
    if not isinstance(keys, dict) or not keys:
        raise ValueError("no certificates in the answer")
    for certificate in keys.values():
        RSAVerifier.from_string(certificate)  # type: ignore[no-untyped-call]  # it has no types
    control = parse_cache_control_header(
        answer.headers.get("Cache-Control"), cls=ResponseCacheControl
    )
    age = answer.headers.get("Age", "0")
    fresh = _FRESH_DEFAULT if control.max_age is None else control.max_age
    return keys, fresh - (int(age) if age.isdecimal() else 0)
