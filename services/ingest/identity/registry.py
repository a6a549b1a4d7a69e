"""The use cases of an operator: keys and limits of tenants, changed by versions."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from services.ingest.identity.keys import NewKey
from shared import tenants
from shared.endings import ROUNDS
from shared.errors import CommitUnclear, StoreUnavailable
from shared.ports import Create, Snapshot, Store, Update
from shared.tenants import KEY_OWNERS, TENANTS, KeyOwner, NoSuchKey, Tenant

_PAGE: Final = 300


class Registry:
    """Use cases over the store; thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_key(self, tenant: str, new: NewKey, limits: dict[str, Any]) -> Tenant:
        """Make *new* a key of this tenant, who may be new, too; *limits* as in ``limit``.

        Raises:
            TooManyKeys: as many as may are live already.
            StoreUnavailable: Firestore gave no verdict; look at the list.
        """

        def judge(seen: Tenant, now: datetime) -> Tenant:
            if seen.key(new.key_id):
                return seen
            return tenants.added(_limited(seen, limits), new.dated(now))

        owner = Create(KEY_OWNERS, new.key_id, KeyOwner(key_id=new.key_id, tenant=tenant))
        return self._change(tenant, judge, owner)

    def revoke(self, key_id: str) -> Tenant:
        """Let a key open nothing; return whose it was. Revoked again it stays as it is.

        Raises:
            NoSuchKey: there is none of that id.
            StoreUnavailable: Firestore gave no verdict.
        """
        tenant = self._owner(key_id)
        return self._change(tenant, lambda seen, now: tenants.revoked(seen, key_id, now))

    def limit(self, tenant: str, limits: dict[str, Any]) -> Tenant:
        """Set some of a tenant's limits (names of ``Limits``; None lifts one), the others stay.

        Raises:
            StoreUnavailable: Firestore gave no verdict.
        """
        return self._change(tenant, lambda seen, _: _limited(seen, limits))

    def all(self) -> Iterator[Tenant]:
        """Every tenant, oldest first.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        after: tuple[datetime, str] | None = None
        while True:
            page = self._store.find(TENANTS, {}, order="created_at", after=after, limit=_PAGE)
            found = [seen.value for seen in page if seen.value]
            yield from found
            if len(page) < _PAGE:
                return
            after = (found[-1].created_at, found[-1].tenant)

    def _owner(self, key_id: str) -> str:
        owner = self._store.get(KEY_OWNERS, key_id).value
        if owner:
            return owner.tenant
        # In haste an operator deletes that document in the Console; the tenant still has the key.
        for tenant in self.all():
            if tenant.key(key_id):
                return tenant.tenant
        raise NoSuchKey(key_id)

    def _change(
        self,
        tenant: str,
        judge: Callable[[Tenant, datetime], Tenant],
        *beside: Create[Any],
    ) -> Tenant:
        """Have the tenant as *judge* wants it; *beside* is written in the same commit."""
        for _ in range(ROUNDS):
            seen = self._store.get(TENANTS, tenant)
            now = self._store.clock.now()
            before = seen.value or Tenant(tenant=tenant, created_at=now)
            changed = judge(before, now)
            if changed == seen.value:
                return changed
            try:
                self._store.commit(_put(seen, changed), *beside)
            except CommitUnclear:
                continue
            return changed
        raise StoreUnavailable("a change of a tenant found no quiet moment")


def _limited(tenant: Tenant, limits: dict[str, Any]) -> Tenant:
    return replace(tenant, limits=replace(tenant.limits, **limits))


def _put(seen: Snapshot[Tenant], value: Tenant) -> Create[Tenant] | Update[Tenant]:
    if seen.version is None:
        return Create(TENANTS, seen.id, value)
    return Update(TENANTS, seen.id, value, seen.version)
