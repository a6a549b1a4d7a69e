"""The secrets that sign a tenant's webhooks: their documents, and what may become of them.

Rules are pure functions of the ring and the store's time; newest secrets come first.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from shared.ports import Collection

MAX_LIVE: Final = 3
"""Of all kinds together: each is one more entry in ``webhook-signature``."""
TOLERANCE: Final = timedelta(minutes=5)
"""So long after its making receivers take a signature for good (Standard Webhooks 1.0.0)."""
KEPT: Final = timedelta(days=30)
MAX_RETIRED: Final = 30
"""A document must not grow for ever, however often its secrets are rotated."""


class TooManySecrets(Exception):
    """One more would be more than may live at once."""


class NoSuchSecret(Exception):
    """This ring does not hold it."""


class LastSecret(Exception):
    """Without it webhooks could not be signed, now or soon."""


class Kind(StrEnum):
    """Of a secret: the scheme of its signatures."""

    V1 = "v1"
    """HMAC-SHA256: sender and receiver hold the same ``whsec_`` text."""
    V1A = "v1a"
    """ed25519: the sender holds ``whsk_``, receivers ``whpk_``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One secret of a tenant."""

    secret_id: str
    kind: Kind
    sealed: bytes = field(repr=False)
    """The ``whsec_`` or ``whsk_`` text, see ``shared.vault``; empty once it has expired."""
    created_at: datetime
    public_key: str = ""
    """``whpk_``, of kind v1a."""
    expires_at: datetime | None = None
    """From then on it signs nothing; None: not foreseen."""

    def live(self, now: datetime) -> bool:
        """Whether it signs."""
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRing:
    """All secrets of one tenant; its document id is ``tenant``."""

    tenant: str
    secrets: tuple[Secret, ...] = ()

    def live(self, now: datetime) -> tuple[Secret, ...]:
        """Those that sign, newest first."""
        return tuple(secret for secret in self.secrets if secret.live(now))

    def holds(self, secret_id: str) -> bool:
        """Whether it is in here, live or not."""
        return any(secret.secret_id == secret_id for secret in self.secrets)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """What everybody may know of a v1a secret; names no tenant. Its document id is ``key_id``."""

    key_id: str
    """The secret's id."""
    public_key: str
    created_at: datetime
    expire_at: datetime | None = None
    """From then on it verifies nothing that we sent."""


RINGS: Final = Collection("webhook_secrets", SecretRing)
PUBLIC_KEYS: Final = Collection("webhook_keys", PublicKey)


def added(ring: SecretRing, new: Secret, now: datetime) -> SecretRing:
    """One secret more.

    Raises:
        TooManySecrets: as many as may are live already.
    """
    if len(ring.live(now)) >= MAX_LIVE:
        raise TooManySecrets
    return _tidied(replace(ring, secrets=(new, *ring.secrets)), now)


def rotated(ring: SecretRing, new: Secret, overlap: timedelta, now: datetime) -> SecretRing:
    """*new* in the place of all live ones of its kind, which go on for *overlap* at most.

    Those for which there is no room end now, the oldest first.

    Raises:
        TooManySecrets: those of the other kind leave no room for *new*.
    """
    live = ring.live(now)
    older = [secret for secret in live if secret.kind is new.kind]
    room = MAX_LIVE - 1 - (len(live) - len(older))
    if room < 0:
        raise TooManySecrets
    ends = {
        secret.secret_id: _sooner(secret.expires_at, now + overlap if place < room else now)
        for place, secret in enumerate(older)
    }
    return _tidied(replace(ring, secrets=(new, *_ending(ring, ends))), now)


def ended(ring: SecretRing, secret_id: str, now: datetime) -> SecretRing:
    """The ring with one secret that signs no more; one that has ended before stays as it is.

    Raises:
        NoSuchSecret: it is not in here.
        LastSecret: none would be left that lives on.
    """
    if not ring.holds(secret_id):
        raise NoSuchSecret(secret_id)
    live = ring.live(now)
    others = [secret for secret in live if secret.secret_id != secret_id]
    if len(others) == len(live):
        return ring
    if not any(secret.expires_at is None for secret in others):
        raise LastSecret(secret_id)
    return _tidied(replace(ring, secrets=_ending(ring, {secret_id: now})), now)


def public(secret: Secret) -> PublicKey:
    """The public half of a v1a secret, listed for as long as it can verify what was sent."""
    return PublicKey(
        key_id=secret.secret_id,
        public_key=secret.public_key,
        created_at=secret.created_at,
        expire_at=secret.expires_at + TOLERANCE if secret.expires_at else None,
    )


def _sooner(planned: datetime | None, wanted: datetime) -> datetime:
    return min(planned, wanted) if planned else wanted


def _ending(ring: SecretRing, ends: dict[str, datetime]) -> tuple[Secret, ...]:
    return tuple(
        replace(secret, expires_at=ends.get(secret.secret_id, secret.expires_at))
        for secret in ring.secrets
    )


def _tidied(ring: SecretRing, now: datetime) -> SecretRing:
    """Retired secrets lose their value, in time their place; the newest stay longest."""
    retired = [secret for secret in ring.secrets if not secret.live(now)]
    kept = {
        secret.secret_id
        for secret in retired[:MAX_RETIRED]
        if secret.expires_at and secret.expires_at > now - KEPT
    }
    return replace(
        ring,
        secrets=tuple(
            secret if secret.live(now) else replace(secret, sealed=b"")
            for secret in ring.secrets
            if secret.live(now) or secret.secret_id in kept
        ),
    )
