"""The use cases of webhook secrets: create, rotate, list, delete; and whether a tenant has any."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from services.ingest.webhooks.drafts import Draft, draft
from shared import rings
from shared.clock import seconds
from shared.endings import ROUNDS
from shared.errors import CommitUnclear, StoreUnavailable
from shared.ports import Collection, Create, Snapshot, Store, T, Update
from shared.problems import Problem
from shared.rings import PUBLIC_KEYS, RINGS, Kind, PublicKey, Secret, SecretRing
from shared.vault import Vault

_PAGE: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A new secret, and what became of the older ones of its kind."""

    secret: Secret
    shown: str = field(repr=False)
    """What the receiver needs: ``whsec_``, told this once, or ``whpk_``."""
    expiring: tuple[Secret, ...]
    """Those that go on signing for a while."""
    ended: tuple[Secret, ...]
    """Those that sign no more as of now."""


class Secrets:
    """Use cases over the store; thread-safe, one per process."""

    def __init__(self, *, store: Store, vault: Vault, default: str = "") -> None:
        """*default*: the secrets that sign for tenants that have none of their own."""
        self._store = store
        self._vault = vault
        self._default = bool(default.split())
        self._signing: set[str] = set()

    def require(self, tenant: str) -> None:
        """Admit a callback of this tenant: it can be signed.

        Raises:
            Problem: 400 there is nothing to sign it with.
            StoreUnavailable: Firestore does not answer.
        """
        # Who has a secret that lives on keeps one: the last of them cannot be deleted.
        if self._default or tenant in self._signing:
            return
        ring, now = self.ring(tenant)
        if not ring.live(now):
            raise Problem(
                400,
                "webhook_secret_missing",
                "callback_url: there is no secret yet that could sign its webhooks.",
                field="callback_url",
                cure="Make one first: POST /v1/webhooks/secrets.",
            )
        self._signing.add(tenant)

    def ring(self, tenant: str) -> tuple[SecretRing, datetime]:
        """All secrets of this tenant, also those that expired lately; and the store's time.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        seen = self._store.get(RINGS, tenant)
        return _value(seen), self._store.clock.now()

    def create(self, tenant: str, kind: Kind) -> Made:
        """One secret more.

        Raises:
            TooManySecrets: as many as may are live already.
            SecretsUnavailable: it cannot be sealed.
            StoreUnavailable: Firestore gave no verdict; look at the list.
        """
        return self._add(tenant, draft(tenant, kind, self._vault), rings.added)

    def rotate(self, tenant: str, kind: Kind, overlap: float) -> Made:
        """A new secret; the older ones of its kind sign for *overlap* more seconds at most.

        Raises:
            TooManySecrets: those of the other kind leave no room.
            SecretsUnavailable, StoreUnavailable: as ``create``.
        """

        def add(ring: SecretRing, new: Secret, now: datetime) -> SecretRing:
            return rings.rotated(ring, new, seconds(overlap), now)

        return self._add(tenant, draft(tenant, kind, self._vault), add)

    def delete(self, tenant: str, secret_id: str) -> None:
        """Let a secret sign no more.

        Raises:
            NoSuchSecret: this tenant has none of that id.
            LastSecret: none would be left that lives on.
            StoreUnavailable: Firestore gave no verdict.
        """
        self._change(tenant, lambda ring, now: rings.ended(ring, secret_id, now))

    def public_keys(self) -> Sequence[PublicKey]:
        """Of all tenants: what may have to verify a webhook now, oldest first.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        found = list(self._all_keys())
        if not found:
            return []
        now = self._store.clock.now()
        return [key for key in found if key.expire_at is None or key.expire_at > now]

    def _all_keys(self) -> Iterator[PublicKey]:
        after: tuple[datetime, str] | None = None
        while True:
            page = self._store.find(PUBLIC_KEYS, {}, order="created_at", after=after, limit=_PAGE)
            keys = [seen.value for seen in page if seen.value]
            yield from keys
            if len(page) < _PAGE:
                return
            after = (keys[-1].created_at, keys[-1].key_id)

    def _add(
        self, tenant: str, new: Draft, add: Callable[[SecretRing, Secret, datetime], SecretRing]
    ) -> Made:
        """Put *new* into the ring once, however often a commit gives no verdict."""

        def judge(ring: SecretRing, now: datetime) -> SecretRing:
            return ring if ring.holds(new.secret_id) else add(ring, new.dated(now), now)

        return _made(self._change(tenant, judge), new)

    def _change(
        self, tenant: str, judge: Callable[[SecretRing, datetime], SecretRing]
    ) -> SecretRing:
        for _ in range(ROUNDS):
            seen = self._store.get(RINGS, tenant)
            ring = _value(seen)
            changed = judge(ring, self._store.clock.now())
            if changed == ring:
                return ring
            try:
                self._store.commit(_put(RINGS, seen, changed), *self._keys_changed(ring, changed))
            except CommitUnclear:
                continue
            return changed
        raise StoreUnavailable("a change of secrets found no quiet moment")

    def _keys_changed(
        self, before: SecretRing, after: SecretRing
    ) -> Iterator[Create[PublicKey] | Update[PublicKey]]:
        """What the list of public keys has to learn in the same commit."""
        known = {secret.secret_id: secret.expires_at for secret in before.secrets}
        for secret in after.secrets:
            same = secret.secret_id in known and known[secret.secret_id] == secret.expires_at
            if secret.public_key and not same:
                seen = self._store.get(PUBLIC_KEYS, secret.secret_id)
                yield _put(PUBLIC_KEYS, seen, rings.public(secret))


def _made(ring: SecretRing, new: Draft) -> Made:
    """Told from the ring alone, which may have been read again."""
    mine = next(one for one in ring.secrets if one.secret_id == new.secret_id)
    older = [one for one in ring.secrets if one.kind is mine.kind and one is not mine]
    return Made(
        secret=mine,
        shown=new.shown,
        expiring=tuple(one for one in older if one.expires_at and one.live(mine.created_at)),
        ended=tuple(one for one in older if one.expires_at == mine.created_at),
    )


def _value(seen: Snapshot[SecretRing]) -> SecretRing:
    return seen.value or SecretRing(tenant=seen.id)


def _put(collection: Collection[T], seen: Snapshot[T], value: T) -> Create[T] | Update[T]:
    if seen.version is None:
        return Create(collection, seen.id, value)
    return Update(collection, seen.id, value, seen.version)
