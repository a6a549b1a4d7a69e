"""New webhook secrets, before they are anybody's: made, sealed, not yet dated."""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.rings import Kind, Secret
from shared.vault import Vault

_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a secret is made of; nobody guesses its id, so a ring that holds it took this one."""

    secret_id: str
    kind: Kind
    sealed: bytes = field(repr=False)
    shown: str = field(repr=False)
    """What the receiver needs: ``whsec_`` or ``whpk_``."""

    def dated(self, now: datetime) -> Secret:
        """The secret, made at *now*."""
        return Secret(
            secret_id=self.secret_id,
            kind=self.kind,
            sealed=self.sealed,
            created_at=now,
            public_key=self.shown if self.kind is Kind.V1A else "",
        )


def draft(tenant: str, kind: Kind, vault: Vault) -> Draft:
    """A new secret of *kind*.

    Raises:
        SecretsUnavailable: it cannot be sealed.
    """
    secret_id = f"sec_{secrets.token_hex(12)}"
    private, shown = _pair() if kind is Kind.V1A else _symmetric()
    sealed = vault.seal(tenant, secret_id, private)
    return Draft(secret_id=secret_id, kind=kind, sealed=sealed, shown=shown)


def _symmetric() -> tuple[str, str]:
    text = f"whsec_{_base64(secrets.token_bytes(_BYTES))}"
    return text, text


def _pair() -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    seed, public = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    return f"whsk_{_base64(seed + public)}", f"whpk_{_base64(public)}"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
