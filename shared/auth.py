"""Who pushes? OIDC tokens of Pub/Sub, Eventarc and Cloud Scheduler; there is no way to skip it.

Two modes. ``verify``: we check everything. ``platform``, for private services: Cloud Run's
invoker check has verified signature and audience, and has put a marker in the signature's place
("Service-to-service authentication"), so only the claims are left to check.
"""

import time
from collections.abc import Mapping
from typing import Any, Final, Literal

from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from shared.certs import Certificates
from shared.errors import Forbidden, Unauthenticated

Mode = Literal["verify", "platform"]
MARKER: Final = "SIGNATURE_REMOVED_BY_GOOGLE"
ISSUERS: Final = frozenset({"accounts.google.com", "https://accounts.google.com"})
_SKEW: Final = 10


class PushAuth:
    """Checks the ``Authorization`` header of a push or a sweep."""

    def __init__(
        self,
        *,
        mode: Mode,
        audience: str,
        accounts: frozenset[str],
        certs_url: str,
        on_cloud_run: bool,
    ) -> None:
        """Let in *accounts* (emails) whose tokens were made for *audience*.

        Raises:
            ValueError: such settings would let in nobody, or everybody.
        """
        if mode not in ("verify", "platform"):
            raise ValueError("PUSH_AUTH must be verify or platform")
        if mode == "platform" and not on_cloud_run:
            raise ValueError("PUSH_AUTH=platform: without K_SERVICE nobody has checked signatures")
        if mode == "verify" and not audience:
            raise ValueError("PUSH_AUTH=verify needs PUSH_AUDIENCE")
        if not accounts or "" in accounts:
            raise ValueError("PUSH_ACCOUNTS names no account, or an empty one")
        self._claims = self._verified if mode == "verify" else _vouched_for
        self._audience = audience
        self._accounts = accounts
        self._certificates = Certificates(certs_url)

    def check(self, authorization: str | None) -> str:
        """The caller's email.

        Raises:
            Unauthenticated: no token, or not a genuine one of this moment.
            Forbidden: a genuine token of another account, or for another audience.
            RetryableError: the certificates to check it with cannot be had.
        """
        claims = self._claims(_bearer(authorization))
        if claims.get("iss") not in ISSUERS:
            raise Unauthenticated("the token has another issuer")
        _check_expiry(claims)
        email = claims.get("email")
        if not isinstance(email, str) or email not in self._accounts:
            raise Forbidden("this account may not push here")
        if claims.get("email_verified") is not True:
            raise Forbidden("the token's email is not verified")
        return email

    def _verified(self, token: str) -> Mapping[str, Any]:
        if token.endswith("." + MARKER):
            raise Unauthenticated("Cloud Run has removed the signature: set PUSH_AUTH=platform")
        key_id = _key_id(token)
        certificate = self._certificates.find(key_id)
        if certificate is None:
            raise Unauthenticated("the token is signed with an unknown key")
        claims = _decode(token, {key_id: certificate})
        if claims.get("aud") != self._audience:
            raise Forbidden("the token is for another audience")
        return claims


def _vouched_for(token: str) -> Mapping[str, Any]:
    if not token.endswith("." + MARKER):
        raise Unauthenticated("Cloud Run has not checked this token: is the invoker check off?")
    return _decode(token, None)


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("no bearer token")
    return token


def _key_id(token: str) -> str:
    try:
        header = jwt.decode_header(token)
    except (GoogleAuthError, ValueError, RecursionError):
        raise Unauthenticated("the token cannot be read") from None
    key_id = header.get("kid")
    if header.get("alg") != "RS256" or not isinstance(key_id, str):
        raise Unauthenticated("the token is not signed with RS256 and a named key")
    return key_id


def _decode(token: str, certificates: Mapping[str, str] | None) -> Mapping[str, Any]:
    """The claims; with *certificates*, signature, issue time and expiry are verified."""
    verify = certificates is not None
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token, certificates, verify=verify, clock_skew_in_seconds=_SKEW
        )
    except (GoogleAuthError, ValueError, TypeError, RecursionError):
        # Without its cause: google.auth puts the whole token into some of its texts.
        raise Unauthenticated("the token is not genuine, or its time is not now") from None
    return claims


def _check_expiry(claims: Mapping[str, Any]) -> None:
    """google.auth takes NaN for a time that never comes."""
    expiry = claims.get("exp")
    if type(expiry) is not int or expiry + _SKEW < time.time():
        raise Unauthenticated("the token has expired")
