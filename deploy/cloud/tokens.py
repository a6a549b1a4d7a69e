"""OIDC tokens that prove nothing: what a forger can write."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any, Final

MARKER: Final = "SIGNATURE_REMOVED_BY_GOOGLE"
"""What Cloud Run puts in the place of a signature that it has checked."""
_LIFE: Final = 3600


def claims(account: str, audience: str) -> dict[str, Any]:
    """Those of a good token of *account* for *audience*."""
    now = int(time.time())
    return {
        "iss": "https://accounts.google.com",
        "aud": audience,
        "azp": "1",
        "sub": "1",
        "email": account,
        "email_verified": True,
        "iat": now,
        "exp": now + _LIFE,
    }


def unsigned(claims: Mapping[str, Any]) -> str:
    """A JWT (RFC 7519) of *claims* that ends with the marker instead of a signature."""
    parts = ({"alg": "RS256", "kid": "1", "typ": "JWT"}, dict(claims))
    return ".".join([*(_encoded(part) for part in parts), MARKER])


def _encoded(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
