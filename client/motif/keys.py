"""The keys that verify: ``whsec_`` (shared) and ``whpk_`` (public); never a private one."""

import base64
import hmac
from collections.abc import Callable
from typing import Final, Protocol

_SHARED_BYTES: Final = range(24, 65)
_PUBLIC_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


class SecretError(ValueError):
    """A secret that cannot verify; the text says why and never holds it."""


class Key(Protocol):
    """What checks signatures of one scheme."""

    scheme: bytes
    """``v1`` or ``v1a``, as it stands before the comma."""

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        """Whether *signature* (base64) is of *signed*; False for any junk."""


class SharedKey:
    """HMAC-SHA256, compared in constant time."""

    scheme = b"v1"

    def __init__(self, key: bytes) -> None:
        """*key*: 24 to 64 bytes."""
        self._key = key

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        """See ``Key``."""
        expected = base64.b64encode(hmac.digest(self._key, signed, "sha256"))
        return hmac.compare_digest(expected, signature)


class PublicKey:
    """Ed25519."""

    scheme = b"v1a"

    def __init__(self, key: bytes) -> None:
        """*key*: 32 bytes.

        Raises:
            SecretError: the package cryptography is not installed.
        """
        self._verify = _ed25519(key)

    def verifies(self, signature: bytes, signed: bytes) -> bool:
        """See ``Key``."""
        try:
            raw = base64.b64decode(signature, validate=True)
        except ValueError:
            return False
        # Base64 has several spellings for the same bytes: only ours is signed.
        usual = base64.b64encode(raw) == signature
        return usual and len(raw) == _SIGNATURE_BYTES and self._verify(raw, signed)


def read_key(secret: str) -> Key:
    """The key that *secret* is.

    Raises:
        SecretError: it is none, or one that must not be here.
    """
    if secret.startswith("whsec_"):
        key = _decoded(secret.removeprefix("whsec_"))
        if len(key) not in _SHARED_BYTES:
            raise SecretError("a whsec_ secret holds 24 to 64 bytes")
        return SharedKey(key)
    if secret.startswith("whpk_"):
        key = _decoded(secret.removeprefix("whpk_"))
        if len(key) != _PUBLIC_BYTES:
            raise SecretError("a whpk_ key holds 32 bytes")
        return PublicKey(key)
    if secret.startswith("whsk_"):
        raise SecretError("whsk_ is a private key: a receiver needs the whpk_ one")
    raise SecretError("a secret starts with whsec_, a public key with whpk_")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise SecretError("what follows the prefix of a secret is base64") from None


def _ed25519(key: bytes) -> Callable[[bytes, bytes], bool]:
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - same
            Ed25519PublicKey,
        )
    except ImportError:
        raise SecretError(
            "whpk_ keys need the package cryptography: pip install 'motif-client[ed25519]'"
        ) from None
    public = Ed25519PublicKey.from_public_bytes(key)

    def verify(signature: bytes, signed: bytes) -> bool:
        try:
            public.verify(signature, signed)
        except InvalidSignature:
            return False
        return True

    return verify
