"""How much may be used in all, over all instances: model calls a minute, money a day.

A bucket (``shared.bucket``) in one document per name. An instance reserves a block of it by
compare-and-set and spends that in memory, so that the document sees few writes; what dies with
an instance is lost, never used twice.
"""

import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from math import inf
from typing import Final

from shared.bucket import UNIT, Level, Spends, block, millionths
from shared.errors import CommitUnclear, StoreUnavailable
from shared.ports import Collection, Create, Documents, Snapshot, Update

log = logging.getLogger(__name__)

_ROUNDS: Final = 12
_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_ONE_BY_ONE_PER_MINUTE: Final = 60

ALLOWANCES: Final = Collection("allowances", Level)


class Allowance:
    """A share in one allowance; thread-safe, one per process and name.

    One thread at a time asks the store; those who wait for it then spend from its block, or
    take its answer for theirs.
    """

    def __init__(
        self,
        store: Documents,
        name: str,
        *,
        depth: float,
        per_second: float,
        one_by_one: bool = False,
        returned: Callable[[], int] | None = None,
        expire_at: datetime | None = None,
    ) -> None:
        """A bucket of *depth*, full when it is new, into which *per_second* flows.

        *one_by_one*: reserve what is asked for and no more. *returned*: asked when too little is
        left for the sum, in millionths, of all that ever came back from outside. *expire_at*:
        when nobody needs the document any more.

        Raises:
            ValueError: *depth* is not positive, *per_second* is negative.
        """
        if not 0 <= per_second < inf:
            raise ValueError(f"an allowance of {per_second} a second")
        self._store = store
        self._name = name
        self._depth = millionths(depth)
        self._per_second = per_second
        self._one_by_one = one_by_one
        self._returned = returned
        self._expire_at = expire_at
        self._lock = threading.Lock()
        self._held = 0
        self._spends = Spends()
        self._looks = 0
        self._left: int | None = None
        """What the last look has left in the store; None: it came to nothing."""

    def resize(self, depth: float) -> None:
        """Make a budget, into which nothing flows, one of *depth*; what is used stays used.

        Raises:
            ValueError: *depth* is not positive.
        """
        self._depth = millionths(depth)

    @property
    def left(self) -> float:
        """What the last look has left in the store; all of it before the first."""
        left = self._left
        return (self._depth if left is None else left) / UNIT

    def take(self, amount: float = 1.0, *, leave: float = 0.0) -> float:
        """Take *amount*, all or nothing: 0 when it is taken.

        *leave*: so much has to stay for others, as far as the depth allows.

        Else the seconds until so much may be there if nobody else takes any; infinite when
        nothing flows that could bring it. Some may be there earlier: others give back.

        Raises:
            ValueError: *amount* is not positive.
            StoreUnavailable: no answer, or no quiet moment; nothing is taken that may be used.
        """
        wanted = millionths(amount)
        if wanted > self._depth:
            return inf
        kept = min(millionths(leave) if leave else 0, self._depth - wanted)
        looks = self._looks
        with self._lock:
            lacking = self._lacking(wanted, kept, looks)
            if lacking:
                return lacking / UNIT / self._per_second if self._per_second else inf
            self._held -= wanted
            self._spends.add(self._store.clock.now(), wanted)
            return 0.0

    def untake(self, amount: float = 1.0) -> None:
        """Return what was taken and not used: this instance spends it next, or gives it back."""
        with self._lock:
            self._held += millionths(amount)

    def give_back(self) -> None:
        """Put back what is reserved and unspent: for SIGTERM, when nothing more will be taken.

        Best effort: a store that does not answer is logged, not raised, and what may be back
        already is not put back again.
        """
        with self._lock:
            rest, self._held = self._held, 0
        try:
            back = not rest or self._put_back(rest)
        except StoreUnavailable:
            back = False
        if not back:
            log.warning("allowance lost", extra={"allowance": self._name, "millionths": rest})

    def _lacking(self, wanted: int, leave: int, looks: int) -> int:
        """How much is missing, after a look at the store where one was needed.

        A look that began after the caller came (*looks*: how many there were then) is as good
        as one of its own: a crowd asks once, also when the store does not answer.
        """
        if self._held >= wanted:
            return 0
        if self._looks > looks:
            if self._left is None:
                raise StoreUnavailable("an allowance could not be had a moment ago")
            if self._held + self._left < wanted + leave:
                return wanted + leave - self._held - self._left
        self._looks += 1
        self._left = None
        self._left = self._reserve(wanted - self._held, leave)
        return 0 if self._held >= wanted else wanted + leave - self._held - self._left

    def _reserve(self, missing: int, leave: int) -> int:
        """Hold a block of at least *missing* more, if it is there; return what is left then."""
        tried: dict[str, int] = {}
        depth = self._depth  # one and the same from look to write, whoever resizes meanwhile
        for seen, found in self._looked(depth):
            level = found if self._per_second else found.resized(depth)
            # A lost answer, understood. What is ours and no longer named counts as used.
            if ours := sum(size for nonce, size in tried.items() if nonce in level.writers):
                self._held += ours
                return level.left
            if level.left < missing + leave:
                level = self._with_credits(level, depth)
            if level.left < missing + leave:
                return level.left
            size = missing
            if not self._one_by_one:
                recent = self._spends.recent(self._store.clock.now())
                size = block(missing, recent, level.left - leave)
            nonce = uuid.uuid4().hex
            tried[nonce] = size
            after = level.written(nonce, -size, depth)
            if self._wrote(seen, after):
                self._held += size
                return after.left
        raise StoreUnavailable("an allowance found no quiet moment")

    def _with_credits(self, level: Level, depth: int) -> Level:
        """Written with the reservation, each credit once, however many look at the same time."""
        if self._returned is None:
            return level
        return level.with_credits(self._returned(), depth)

    def _put_back(self, rest: int) -> bool:
        """Put *rest* back once; False when it is not back, or nobody can tell."""
        nonce = uuid.uuid4().hex
        newest: str | None = None
        for seen, level in self._looked(self._depth):
            if nonce in level.writers:
                return True
            if newest is not None and not level.tells_all_since(newest):
                return False
            newest = level.newest
            # A budget may have been resized since: only who takes from it says how large it is.
            depth = self._depth if self._per_second else level.depth or self._depth
            if self._wrote(seen, level.written(nonce, rest, depth)):
                return True
        return False

    def _looked(self, depth: int) -> Iterator[tuple[Snapshot[Level], Level]]:
        """The document as it is, and filled up to now: some times over, with growing pauses.

        Raises:
            StoreUnavailable: no answer.
        """
        for count in range(_ROUNDS):
            if count:
                longest = min(_LONGEST_PAUSE, _PAUSE * 2**count)
                time.sleep(random.uniform(0, longest))  # noqa: S311 - it keeps rivals apart
            seen = self._store.get(ALLOWANCES, self._name)
            level = seen.value or Level(left=depth, at=seen.read_at)
            level = replace(level, expire_at=self._expire_at)
            if self._per_second:
                level = level.filled(seen.read_at, depth, self._per_second)
            yield seen, level

    def _wrote(self, seen: Snapshot[Level], level: Level) -> bool:
        try:
            if seen.version is None:
                self._store.commit(Create(ALLOWANCES, self._name, level))
            else:
                self._store.commit(Update(ALLOWANCES, self._name, level, seen.version))
        except CommitUnclear:
            return False
        return True


def of_quota(store: Documents, name: str, per_minute: int) -> Allowance:
    """The governor of a model's calls: *per_minute* of them, a fifth of that at once.

    Raises:
        ValueError: the quota is not positive.
    """
    if per_minute < 1:
        raise ValueError(f"a quota of {per_minute} calls a minute")
    return Allowance(
        store,
        name,
        depth=max(2, per_minute / 5),
        per_second=per_minute / 60,
        one_by_one=per_minute <= _ONE_BY_ONE_PER_MINUTE,
    )
