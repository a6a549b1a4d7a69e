"""Signatures of webhooks: Standard Webhooks 1.0.0, ``v1`` (HMAC-SHA256) and ``v1a`` (ed25519)."""

import base64
import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.errors import RetryableError
from shared.ports import Store
from shared.rings import RINGS, Kind
from shared.vault import SecretsUnavailable, Vault

_PREFIXES: Final = {Kind.V1: "whsec_", Kind.V1A: "whsk_"}
_KEY_BYTES: Final = range(24, 65)
_SEED_BYTES: Final = 32


class NoWebhookSecret(RetryableError):
    """A tenant has no live secret, and there is none by default: nothing is sent unsigned."""

    code = "no_webhook_secret"


@dataclass(frozen=True, slots=True)
class Key:
    """One live secret, ready to sign."""

    kind: Kind
    private: bytes = field(repr=False)
    """The HMAC key, or the 32 bytes that an ed25519 key grows from."""

    def signature(self, text: bytes) -> str:
        """The entry in ``webhook-signature`` for *text*."""
        if self.kind is Kind.V1:
            signed = hmac.digest(self.private, text, "sha256")
        else:
            signed = Ed25519PrivateKey.from_private_bytes(self.private).sign(text)
        return f"{self.kind},{base64.b64encode(signed).decode()}"


Keys = tuple[Key, ...]


class Signer:
    """Finds the keys of a tenant; thread-safe, one per process."""

    def __init__(self, *, store: Store, vault: Vault, default: str = "") -> None:
        """*default*: ``whsec_`` secrets, by blanks, of tenants that have none of their own.

        Raises:
            ValueError: one of them must not sign.
        """
        self._store = store
        self._vault = vault
        self._default = keys(default) if default.split() else ()

    def keys(self, tenant: str) -> Keys:
        """Every live key, newest first: read anew each time, so that a change counts at once.

        Raises:
            SecretsUnavailable: a live secret cannot be opened.
            NoWebhookSecret: there is none.
            StoreUnavailable: Firestore does not answer.
        """
        ring = self._store.get(RINGS, tenant).value
        live = ring.live(self._store.clock.now()) if ring else ()
        opened = [(one, self._vault.open(tenant, one.secret_id, one.sealed)) for one in live]
        try:
            found = tuple(key(text, one.kind) for one, text in opened)
        except ValueError as exc:
            raise SecretsUnavailable(str(exc)) from None
        if not (found or self._default):
            raise NoWebhookSecret("the tenant has no live webhook secret")
        return found or self._default


def keys(secrets: str) -> Keys:
    """The keys of a blank-separated list of ``whsec_`` secrets, newest first.

    Raises:
        ValueError: there is none, or one that must not sign; the text never holds a secret.
    """
    found = tuple(key(secret) for secret in secrets.split())
    if not found:
        raise ValueError("no webhook secret")
    return found


def key(secret: str, kind: Kind = Kind.V1) -> Key:
    """The key in a ``whsec_`` (v1) or ``whsk_`` (v1a) text.

    Raises:
        ValueError: it is none of this kind; the text never holds the secret.
    """
    # whsk_ is an ed25519 key: signing HMACs with it works, and gives the private key away.
    prefix = _PREFIXES[kind]
    if not secret.startswith(prefix):
        raise ValueError(f"a webhook secret must start with {prefix}")
    try:
        raw = base64.b64decode(secret.removeprefix(prefix), validate=True)
    except ValueError:
        raise ValueError(f"a webhook secret must be base64 after {prefix}") from None
    return Key(kind, _hmac_key(raw) if kind is Kind.V1 else _seed(raw))


def headers(signing: Keys, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt: *timestamp* is its own, in whole Unix seconds."""
    text = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(key.signature(text) for key in signing),
    }


def _hmac_key(raw: bytes) -> bytes:
    if len(raw) not in _KEY_BYTES:
        raise ValueError("a webhook secret must hold 24 to 64 bytes")
    return raw


def _seed(raw: bytes) -> bytes:
    """The half of an ed25519 secret that it is made from; the other half is its public key."""
    seed, public = raw[:_SEED_BYTES], raw[_SEED_BYTES:]
    made = Ed25519PrivateKey.from_private_bytes(seed) if len(seed) == _SEED_BYTES else None
    if made is None or made.public_key().public_bytes_raw() != public:
        raise ValueError("a webhook secret of kind v1a must be a seed and its public key")
    return seed
