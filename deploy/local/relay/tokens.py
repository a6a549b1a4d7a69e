"""OIDC tokens as Google's service accounts bear them, signed with the local key."""

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Literal

from google.auth import jwt

from deploy.local.keys import SigningKey

Form = Literal["signed", "platform"]
ISSUER: Final = "https://accounts.google.com"
SIGNATURE_REMOVED: Final = "SIGNATURE_REMOVED_BY_GOOGLE"
_LIFETIME: Final = 3600
_REUSE: Final = 600


class Tokens:
    """Makes the tokens of any account.

    Form ``signed`` is what the caller sends. Form ``platform`` is what a private Cloud Run service
    sees of it: there the platform has checked the signature and taken it away.
    """

    def __init__(self, key: SigningKey) -> None:
        """Sign with *key*."""
        self._key = key
        self._recent = lru_cache(maxsize=64)(self._make)

    def certs(self) -> dict[str, str]:
        """Key id -> PEM certificate, the shape of Google's ``/oauth2/v1/certs``."""
        return {self._key.key_id: self._key.certificate_pem}

    def bearer(self, email: str, audience: str, form: Form) -> str:
        """The ``Authorization`` header of one call; a token is used again for 10 minutes."""
        return "Bearer " + self._recent(email, audience, form, int(time.time() / _REUSE))

    def token(self, email: str, audience: str, form: Form, claims: Mapping[str, Any]) -> str:
        """A fresh token; *claims* replace its own, None removes one (forgeries for tests)."""
        now = int(time.time())
        subject = str(int.from_bytes(email.encode()) % 10**21)
        payload = {
            "iss": ISSUER,
            "aud": audience,
            "azp": subject,
            "sub": subject,
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + _LIFETIME,
            **claims,
        }
        kept = {name: value for name, value in payload.items() if value is not None}
        signed: str = jwt.encode(self._key, kept).decode()
        return _strip(signed) if form == "platform" else signed

    def _make(self, email: str, audience: str, form: Form, _window: int) -> str:
        return self.token(email, audience, form, {})


def _strip(token: str) -> str:
    return token.rpartition(".")[0] + "." + SIGNATURE_REMOVED
