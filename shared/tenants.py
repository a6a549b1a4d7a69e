"""Who uses Motif: tenants, their limits, their API keys; and what may become of a key.

Rules are pure functions of the tenant and the store's time; the newest keys come first.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from shared.ports import Collection

TENANT: Final = re.compile("[a-z0-9][a-z0-9-]{0,62}")
"""What a tenant may be called: also a document's id."""
MAX_LIVE: Final = 2
"""The one in use, and the next one."""
MAX_REVOKED: Final = 30
"""A document must not grow for ever, however often its keys change."""


class TooManyKeys(Exception):
    """One more would be more than may live at once."""


class NoSuchKey(Exception):
    """There is no key of that id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a tenant may use; None: as much as it likes."""

    requests_per_minute: int | None = None
    open_tracks: int | None = None
    """Queued and running at once."""
    daily_cap_usd: float | None = None
    """Billed in a day (UTC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key of a tenant, without its secret."""

    key_id: str
    digest: str = field(repr=False)
    """SHA-256 of the whole key, hexadecimal."""
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def live(self) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One tenant; its document id is ``tenant``. No document: no key, no limit."""

    tenant: str
    created_at: datetime
    limits: Limits = Limits()
    keys: tuple[ApiKey, ...] = ()

    def key(self, key_id: str) -> ApiKey | None:
        """The key of that id, live or not."""
        return next((key for key in self.keys if key.key_id == key_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOwner:
    """Whose a key is; its document id is ``key_id``, and it never changes."""

    key_id: str
    tenant: str


TENANTS: Final = Collection("tenants", Tenant)
KEY_OWNERS: Final = Collection("api_keys", KeyOwner)


def added(tenant: Tenant, new: ApiKey) -> Tenant:
    """One key more; the oldest of those that were revoked may be forgotten.

    Raises:
        TooManyKeys: as many as may are live already.
    """
    live = sum(key.live for key in tenant.keys)
    if live >= MAX_LIVE:
        raise TooManyKeys(tenant.tenant)
    revoked = [key for key in tenant.keys if not key.live][:MAX_REVOKED]
    kept = tuple(key for key in tenant.keys if key.live or key in revoked)
    return replace(tenant, keys=(new, *kept))


def revoked(tenant: Tenant, key_id: str, now: datetime) -> Tenant:
    """The tenant with one key that opens nothing; one that was revoked before stays as it is.

    Raises:
        NoSuchKey: it is not this tenant's, or forgotten since.
    """
    if (key := tenant.key(key_id)) is None:
        raise NoSuchKey(key_id)
    ended = replace(key, revoked_at=key.revoked_at or now)
    return replace(tenant, keys=tuple(ended if one is key else one for one in tenant.keys))
