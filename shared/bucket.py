"""The arithmetic of an allowance: a token bucket in whole millionths, told by its document.

Source: https://en.wikipedia.org/wiki/Token_bucket
"""

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from typing import Final

from shared.clock import seconds

UNIT: Final = 1_000_000
"""Documents and sums are in whole millionths: what many small amounts add up to is exact."""
MEMORY: Final = 32
"""How many of its latest writers a document names."""
_SHARE: Final = 10
_RECENTLY: Final = seconds(10)


def millionths(amount: float) -> int:
    """*amount*, rounded.

    Raises:
        ValueError: it is not finite, or below half a millionth.
    """
    if not 0 < amount < inf or (whole := round(amount * UNIT)) < 1:
        raise ValueError(f"no amount to reckon with: {amount}")
    return whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What was left at a time, in millionths; who wrote last."""

    left: int
    at: datetime
    writers: tuple[str, ...] = ()
    """Nonces of the latest writes, the newest last: by them a lost answer is understood."""
    depth: int = 0
    """Of the bucket when it was written; 0: written before that was kept."""
    credited: int = 0
    """How much of what came back from outside is in ``left`` already."""
    expire_at: datetime | None = None
    """Firestore TTL."""

    def filled(self, now: datetime, depth: int, per_second: float) -> "Level":
        """The same bucket at *now*, never above *depth*; an earlier *now* changes nothing."""
        late = max(timedelta(0), now - self.at)
        # Millionths a microsecond are units a second. Rounded down: never more than has flowed.
        flowed = int(late // timedelta(microseconds=1) * per_second)
        return replace(self, left=min(depth, self.left + flowed), at=self.at + late)

    def resized(self, depth: int) -> "Level":
        """The same budget when all of it is *depth*: what is used stays used, left may be < 0."""
        return replace(self, left=self.left + depth - (self.depth or depth), depth=depth)

    def with_credits(self, total: int, depth: int) -> "Level":
        """With what is new in *total*, the sum of all that ever came back from outside."""
        new = max(0, total - self.credited)
        return replace(self, left=min(depth, self.left + new), credited=self.credited + new)

    def written(self, nonce: str, change: int, depth: int) -> "Level":
        """With *change* put in, or taken out, by the writer *nonce*."""
        writers = (*self.writers, nonce)[-MEMORY:]
        left = min(depth, self.left + change)
        return replace(self, left=left, writers=writers, depth=depth)

    @property
    def newest(self) -> str:
        """The last writer; empty when there was none."""
        return self.writers[-1] if self.writers else ""

    def tells_all_since(self, writer: str) -> bool:
        """Whether every write after *writer*'s is still named ("": every one there was)."""
        return writer in self.writers if writer else len(self.writers) < MEMORY


class Spends:
    """What one instance has spent in the last 10 s, by amounts in millionths."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._spends: deque[tuple[datetime, int]] = deque()
        self._sum = 0

    def add(self, now: datetime, amount: int) -> None:
        """Keep one; what is too old by now is forgotten."""
        self._spends.append((now, amount))
        self._sum += amount
        self.recent(now)

    def recent(self, now: datetime) -> int:
        """The sum of what is not too old."""
        while self._spends and self._spends[0][0] <= now - _RECENTLY:
            self._sum -= self._spends.popleft()[1]
        return self._sum


def block(missing: int, spent: int, left: int) -> int:
    """How much to reserve when *missing* is needed now.

    *spent*: by this instance in the last 10 s. At most *left*, unless *missing* is more.
    """
    return max(missing, min(spent, left // _SHARE))
