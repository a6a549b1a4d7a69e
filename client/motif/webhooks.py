"""Verify webhooks: Standard Webhooks 1.0.0, schemes ``v1`` (HMAC-SHA256) and ``v1a`` (ed25519)."""

import json
import re
import time
from collections.abc import Iterable
from typing import Any, Final, Protocol

from motif.keys import Key, SecretError, read_key

__all__ = ["TOLERANCE", "Headers", "SecretError", "VerificationError", "Webhook"]

TOLERANCE: Final = 300.0
"""Seconds that a timestamp may be away from this machine's clock."""
_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
_MOST_SIGNATURES: Final = 32
"""Motif sends three at most; a header full of them must not buy our processor time."""


class Headers(Protocol):
    """Names and values: a dict, or what Flask, FastAPI or ``http.server`` have."""

    def items(self) -> Iterable[tuple[str, str]]:
        """All of them, also those that came twice."""


class VerificationError(Exception):
    """Not from Motif, not for us, or not from now; the text says why, ``code`` in one word.

    Codes: ``missing_header``, ``bad_header``, ``too_old``, ``too_new``, ``no_match``, ``not_json``.
    """

    def __init__(self, code: str, text: str) -> None:
        """*text* may be shown: it holds nothing of what came."""
        super().__init__(text)
        self.code = code


class Webhook:
    """Verifies what arrives; thread-safe."""

    def __init__(self, secrets: str | Iterable[str], *, tolerance: float = TOLERANCE) -> None:
        """*secrets*: ``whsec_`` or ``whpk_`` texts, any of which may have signed.

        One text may hold several with blanks between them. *tolerance* is in seconds;
        ``math.inf`` takes any age.

        Raises:
            SecretError: there is none, or one that cannot verify.
        """
        texts = [secrets] if isinstance(secrets, str) else secrets
        self._keys = tuple(read_key(one) for text in texts for one in text.split())
        self._tolerance = tolerance
        if not self._keys:
            raise SecretError("there is no webhook secret")

    def verify(self, body: bytes, headers: Headers) -> dict[str, Any]:
        """The payload, if one of the keys has signed exactly *body* lately.

        *body* are the bytes as they came; *headers* may be in any case, others are ignored.

        Raises:
            VerificationError: it is not to be trusted; nothing else, whatever was sent.
        """
        webhook_id, stamp, signatures = _read(headers)
        self._check_age(stamp)
        signed = b"%b.%b.%b" % (webhook_id, stamp, body)
        given = signatures.split()[:_MOST_SIGNATURES]
        if not any(_matches(key, one, signed) for one in given for key in self._keys):
            raise VerificationError("no_match", "no signature matches this secret and this body")
        return _payload(body)

    def _check_age(self, stamp: bytes) -> None:
        age = time.time() - int(stamp)
        if age > self._tolerance:
            raise VerificationError("too_old", f"the timestamp is {age:.0f} s old")
        if -age > self._tolerance:
            raise VerificationError("too_new", f"the timestamp is {-age:.0f} s in the future")


def _read(headers: Headers) -> tuple[bytes, bytes, bytes]:
    """Id, timestamp and signatures.

    A header that comes twice is refused: what reads the other one would trust what nobody signed.
    """
    found: dict[str, bytes] = {}
    for name, value in headers.items():
        if (lower := str(name).lower()) in _HEADERS:
            if lower in found:
                raise VerificationError("bad_header", f"{lower} came twice")
            found[lower] = _ascii(lower, value)
    for name in _HEADERS:
        if not found.get(name):
            raise VerificationError("missing_header", f"{name} is missing")
    if not re.fullmatch(rb"[0-9]{1,12}", found["webhook-timestamp"]):
        raise VerificationError("bad_header", "webhook-timestamp is not in whole Unix seconds")
    return found["webhook-id"], found["webhook-timestamp"], found["webhook-signature"]


def _ascii(name: str, value: object) -> bytes:
    # Junk among the signatures must not hide a good one; an id or a time is good or it is not.
    errors = "replace" if name == "webhook-signature" else "strict"
    try:
        if isinstance(value, str):
            return value.encode("ascii", errors)
    except UnicodeEncodeError:
        pass
    raise VerificationError("bad_header", f"{name} is not ASCII text")


def _matches(key: Key, given: bytes, signed: bytes) -> bool:
    scheme, comma, signature = given.partition(b",")
    return bool(comma) and scheme == key.scheme and key.verifies(signature, signed)


def _payload(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise VerificationError("not_json", "the body is signed, but it is no JSON object")
    return payload
