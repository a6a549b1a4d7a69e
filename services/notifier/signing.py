"""Signatures of webhooks: Standard Webhooks 1.0.0, symmetric scheme ``v1`` (HMAC-SHA256)."""

import base64
import hmac
from typing import Final

_PREFIX: Final = "whsec_"
_KEY_BYTES: Final = range(24, 65)

Keys = tuple[bytes, ...]


def keys(secrets: str) -> Keys:
    """The keys of a blank-separated list of ``whsec_`` secrets, newest first.

    Raises:
        ValueError: there is none, or one that must not sign; the text never holds a secret.
    """
    found = tuple(_key(secret) for secret in secrets.split())
    if not found:
        raise ValueError("no webhook secret")
    return found


def headers(signing: Keys, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt: *timestamp* is its own, in whole Unix seconds."""
    text = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(key, text) for key in signing),
    }


def _signature(key: bytes, text: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, text, "sha256")).decode()


def _key(secret: str) -> bytes:
    # whsk_ is an ed25519 key: signing HMACs with it works, and gives the private key away.
    if not secret.startswith(_PREFIX):
        raise ValueError("a webhook secret must start with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        raise ValueError("a webhook secret must be base64 after whsec_") from None
    if len(key) not in _KEY_BYTES:
        raise ValueError("a webhook secret must hold 24 to 64 bytes")
    return key
