"""API keys: how they are made, and whose a key is that somebody shows."""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.ingest.identity.remembered import Remembered
from shared.ports import Documents
from shared.tenants import KEY_OWNERS, TENANTS, ApiKey, Limits

ENVIRONMENT: Final = re.compile("[a-z]{2,12}")
"""The word in a key that tells people where it belongs."""
KEY_ID: Final = re.compile("[0-9a-f]{16}")
KEPT_SECONDS: Final = 30.0
"""So long a key, or a limit, may go on after it was changed."""
_KEY: Final = re.compile(rf"mk_{ENVIRONMENT.pattern}_({KEY_ID.pattern})_[a-z2-7]{{52}}")
_SECRET_BYTES: Final = 32
_NOBODYS: Final = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key that was just made: the only moment at which its text is known."""

    key_id: str
    text: str = field(repr=False)

    def dated(self, now: datetime) -> ApiKey:
        """What is stored of it."""
        return ApiKey(key_id=self.key_id, digest=digest(self.text), created_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A live key, its tenant, and what that may use."""

    key_id: str
    tenant: str
    limits: Limits
    digest: str = field(repr=False)


def new_key(environment: str) -> NewKey:
    """A key of 256 random bits; *environment* is a word as ``ENVIRONMENT`` wants it."""
    key_id = secrets.token_hex(8)
    secret = base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=").lower()
    return NewKey(key_id=key_id, text=f"mk_{environment}_{key_id}_{secret}")


def key_id_of(text: str) -> str:
    """The id within a key; empty when *text* is no key."""
    found = _KEY.fullmatch(text)
    return found[1] if found else ""


def digest(text: str) -> str:
    """What is stored of a key. A slow hash guards guessable secrets; these are random."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


class Keys:
    """Looks keys and limits up in the store, and remembers them; thread-safe, one per process."""

    def __init__(self, store: Documents, seconds: float) -> None:
        """*seconds*: how old an answer may be."""
        self._store = store
        self._holders = Remembered(self._look, seconds)
        self._limits = Remembered(self._look_limits, seconds)

    def holder(self, text: str) -> Holder | None:
        """Who shows the key *text*; None: it is no key, nobody's, or revoked.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        key_id = key_id_of(text)
        known = self._holders.get(key_id) if key_id else None
        # Reckoned and compared in every case: how long it takes must not tell which it was.
        same = hmac.compare_digest(digest(text), known.digest if known else _NOBODYS)
        return known if same else None

    def by_id(self, key_id: str) -> Holder | None:
        """The live key of that id.

        Raises:
            StoreUnavailable: as ``holder``.
        """
        return self._holders.get(key_id)

    def limits(self, tenant: str) -> Limits:
        """What a tenant may use, of whom no key is asked.

        Raises:
            StoreUnavailable: as ``holder``.
        """
        return self._limits.get(tenant) or Limits()

    def _look(self, key_id: str) -> Holder | None:
        owner = self._store.get(KEY_OWNERS, key_id).value
        tenant = self._store.get(TENANTS, owner.tenant).value if owner else None
        key = tenant.key(key_id) if tenant else None
        if not (tenant and key and key.live):
            return None
        return Holder(key_id=key_id, tenant=tenant.tenant, limits=tenant.limits, digest=key.digest)

    def _look_limits(self, tenant: str) -> Limits | None:
        found = self._store.get(TENANTS, tenant).value
        return found.limits if found else None
