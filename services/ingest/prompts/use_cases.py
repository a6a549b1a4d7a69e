"""What an image sounds like: looked at once, then remembered for a day."""

import time
from collections.abc import Callable
from typing import Final

from services.ingest.limits.singly import Singly
from services.ingest.prompts import looks, refusals
from services.ingest.prompts.pictures import Guard
from services.ingest.prompts.rations import Rations
from services.ingest.prompts.records import IMAGES, KEPT, Seen, image_id
from services.ingest.prompts.uploads import Uploads
from shared import signals
from shared.endings import ROUNDS
from shared.errors import CommitUnclear, StoreUnavailable
from shared.ports import Create, Delete, Snapshot, Store, Update
from shared.problems import Problem

_TRIES: Final = 2
_PATIENCE: Final = 45.0


class Prompts:
    """Use cases over the store; thread-safe, one per process."""

    def __init__(self, store: Store, looker: looks.Looker, rations: Rations) -> None:
        """*looker* is paid for each look; *rations* says how many a tenant has."""
        self._store = store
        self._looker = looker
        self._rations = rations
        self._guard = Guard()
        self._uploads = Uploads()
        self._singly = Singly(_PATIENCE)

    def describe(self, tenant: str, read: Callable[[], bytes]) -> tuple[str, Seen, bool]:
        """Id of the image that *read* gives, what is seen in it, and whether that was known.

        Raises:
            Problem: the image is refused, or the tenant's limit is reached, or the model says
                nothing that can be used; what *read* raises.
            StoreUnavailable: Firestore does not answer.
        """
        with self._uploads.place(tenant):
            data = read()
            name = image_id(tenant, data)
            known = self._live(tenant, name)
            jpeg = b"" if known else self._plain(tenant, data)
        del data  # the model takes its time
        if known:
            return name, known, True
        with self._singly.turn(name):  # many at once: the first pays, the others find what it saw
            known = self._live(tenant, name)
            if known:
                self._rations.untake(tenant)
            return name, known or self._looked(tenant, name, jpeg), bool(known)

    def find(self, tenant: str, name: str) -> Seen | None:
        """What was seen in the image *name*; None: unknown, another tenant's, or too long ago.

        Raises:
            StoreUnavailable: Firestore does not answer.
        """
        return self._live(tenant, name)

    def erase(self, tenant: str, name: str) -> None:
        """Forget an image at once.

        Raises:
            Problem: 404, there is none that this tenant may see.
            StoreUnavailable: Firestore gave no verdict.
        """
        for _ in range(ROUNDS):
            row = self._store.get(IMAGES, name)
            if self._usable(row, tenant) is None or row.version is None:
                raise refusals.no_such_image()
            try:
                self._store.commit(Delete(IMAGES, name, row.version))
            except CommitUnclear:
                continue
            return
        raise StoreUnavailable("an erasing found no quiet moment")

    def _live(self, tenant: str, name: str) -> Seen | None:
        return self._usable(self._store.get(IMAGES, name), tenant)

    def _usable(self, row: Snapshot[Seen], tenant: str) -> Seen | None:
        seen = row.value
        return seen if seen and seen.of(tenant, self._store.clock.now()) else None

    def _plain(self, tenant: str, data: bytes) -> bytes:
        """*data* made small: of all that is ours the most work, so a look is taken before."""
        self._rations.take(tenant)
        try:
            return self._guard.plain(data)
        except Problem:
            self._rations.untake(tenant)
            raise

    def _looked(self, tenant: str, name: str, jpeg: bytes) -> Seen:
        look = self._look(jpeg)
        now = self._store.clock.now()
        seen = Seen(
            tenant=tenant,
            prompt=look.prompt,
            style=look.style,
            tempo=look.tempo,
            mood=look.mood,
            energy=round(look.energy, 2),
            palette=tuple(look.palette),
            model=self._looker.name,
            created_at=now,
            expire_at=now + KEPT,
        )
        return self._kept(name, seen)

    def _look(self, jpeg: bytes) -> looks.Look:
        for _ in range(_TRIES):
            start = time.monotonic()
            look, outcome, code = None, "failed", ""
            try:
                look = looks.understood(self._looker.look(jpeg))
                outcome = "stored" if look else "refused"
            except looks.Blocked:
                outcome = "blocked"
                raise refusals.blocked() from None
            except looks.ModelAway as exc:
                outcome, code = exc.outcome, exc.code
                raise refusals.model_away() from None
            finally:
                self._tell(outcome, code, time.monotonic() - start)
            if look:
                return look
        raise refusals.not_understood()

    def _tell(self, outcome: str, code: str, seconds: float) -> None:
        signals.tell(
            signals.MODEL_CALLED,
            model=self._looker.name,
            outcome=outcome,
            code=code,
            seconds=round(seconds, 3),
        )

    def _kept(self, name: str, seen: Seen) -> Seen:
        """*seen*, or what somebody else has kept meanwhile: all get the same."""
        for _ in range(ROUNDS):
            row = self._store.get(IMAGES, name)
            if theirs := self._usable(row, seen.tenant):
                return theirs
            old = row.version
            try:
                self._store.commit(
                    Update(IMAGES, name, seen, old) if old else Create(IMAGES, name, seen)
                )
            except CommitUnclear:
                continue
            return seen
        raise StoreUnavailable("an image found no quiet moment")
