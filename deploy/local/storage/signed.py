"""V4 signed URLs, verified as Cloud Storage does (its page "Signatures": GOOG4-RSA-SHA256)."""

import datetime as dt
import hashlib
from urllib.parse import parse_qsl, quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from deploy.local.http import Request
from deploy.local.keys import SIGNER_ACCOUNT
from deploy.local.storage.problems import Problem

_ALGORITHM = "GOOG4-RSA-SHA256"
_SIGNATURE = "X-Goog-Signature"
_LONGEST = dt.timedelta(days=7)
_SKEW = dt.timedelta(minutes=15)


def verify(request: Request, key: rsa.RSAPublicKey, now: dt.datetime) -> None:
    """Return if the URL is signed by SIGNER_ACCOUNT and still good.

    Raises Problem 400 for an expired or malformed one, 403 for one that is unsigned, or signed
    for another request or by another key.
    """
    if _SIGNATURE not in request.query:
        message = "Anonymous caller does not have storage.objects.get access to the object."
        raise Problem(403, "AccessDenied", message)
    scope = _scope(request)
    _check_headers(request)
    try:
        signature = bytes.fromhex(request.query[_SIGNATURE])
        key.verify(signature, _string_to_sign(request, scope), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        message = "The request signature we calculated does not match the one you provided."
        raise Problem(403, "SignatureDoesNotMatch", message) from None
    _check_time(request, now)


def _scope(request: Request) -> str:
    """The credential's scope. Raises Problem for what only a broken signer can have made."""
    try:
        algorithm = request.query["X-Goog-Algorithm"]
        account, scope = request.query["X-Goog-Credential"].split("/", 1)
        date = request.query["X-Goog-Date"]
        day, _, service, kind = scope.split("/")
    except (KeyError, ValueError):
        raise _malformed("The signed URL lacks a parameter.") from None
    if (algorithm, service, kind, day) != (_ALGORITHM, "storage", "goog4_request", date[:8]):
        raise _malformed("Unknown algorithm or credential scope.")
    if account != SIGNER_ACCOUNT:
        raise Problem(403, "AccessDenied", "The signing account has no access to the object.")
    return scope


def _check_headers(request: Request) -> None:
    """What is signed must be there, and what steers Cloud Storage must be signed."""
    signed = set(_signed_headers(request))
    present = {name.lower() for name in request.headers}
    steering = {name for name in present if name.startswith("x-goog-")}
    if "host" not in signed or not signed <= present or not steering <= signed:
        raise _malformed("Signed headers and headers of the request differ.")


def _check_time(request: Request, now: dt.datetime) -> None:
    try:
        seconds = int(request.query["X-Goog-Expires"])
        made = dt.datetime.strptime(request.query["X-Goog-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
    except (KeyError, ValueError):
        raise _malformed("Invalid date or expiry.") from None
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise Problem(400, "InvalidArgument", "X-Goog-Expires must be between 1 and 604800.")
    if made > now + _SKEW:
        raise Problem(403, "AccessDenied", "The signed URL is not valid yet.")
    if made + dt.timedelta(seconds=seconds) <= now:
        raise Problem(400, "ExpiredToken", "The provided token has expired.")


def _string_to_sign(request: Request, scope: str) -> bytes:
    digest = hashlib.sha256(_canonical(request).encode()).hexdigest()
    return "\n".join((_ALGORITHM, request.query["X-Goog-Date"], scope, digest)).encode()


def _canonical(request: Request) -> str:
    pairs = parse_qsl(request.raw_query, keep_blank_values=True)
    query = sorted(f"{_quoted(k)}={_quoted(v)}" for k, v in pairs if k != _SIGNATURE)
    names = _signed_headers(request)
    lines = [f"{name}:{' '.join(request.headers[name].split())}\n" for name in names]
    path = quote(unquote(request.path), safe="/~")
    payload = request.headers.get("X-Goog-Content-SHA256", "UNSIGNED-PAYLOAD")
    parts = (request.method, path, "&".join(query), "".join(lines), ";".join(names), payload)
    return "\n".join(parts)


def _signed_headers(request: Request) -> list[str]:
    return request.query.get("X-Goog-SignedHeaders", "").split(";")


def _quoted(text: str) -> str:
    return quote(text, safe="~")


def _malformed(details: str) -> Problem:
    return Problem(
        400, "MalformedSecurityHeader", f"Your request has a malformed header. {details}"
    )
