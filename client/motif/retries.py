"""When to ask again: what the server says, or a growing pause, and never beyond the time given."""

import math
import random
import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from motif.errors import MotifError

_FIRST: Final = 0.25
_LONGEST: Final = 8.0
_SPREAD: Final = 0.2
"""Pauses are up to this much longer: all who were refused at once must not come back at once."""


class Deadline:
    """A point in time that work must not pass."""

    def __init__(self, seconds: float | None) -> None:
        """*seconds* from now; None: never."""
        self._end = math.inf if seconds is None else time.monotonic() + seconds

    def left(self) -> float:
        """Seconds; 0 when it has passed, infinite when there is none."""
        return max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.left() <= 0


def retry_after(value: str | None, date: str | None) -> float | None:
    """Seconds that a ``Retry-After`` asks for: a number, or an HTTP date; None for anything else.

    *date*: the same answer's ``Date``, so that a clock that is wrong on our side does not matter.
    """
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return float(text)
    then, now = _moment(text), _moment(date or "")
    if then is None:
        return None
    return max(0.0, (then - (now or datetime.now(UTC))).total_seconds())


def pause(error: MotifError, attempt: int, *, repeatable: bool) -> float | None:
    """Seconds until the next attempt after *error*; None: raise it.

    *attempt* counts from 0. *repeatable*: doing it twice is doing it once.
    """
    if not error.temporary or not (repeatable or error.unheard):
        return None
    own = min(_LONGEST, _FIRST * 2.0 ** min(attempt, 10))
    return max(own, error.retry_after or 0.0) * (1 + random.uniform(0, _SPREAD))  # noqa: S311 - no secret


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        # "-0000" gives no zone at all; HTTP knows only one.
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError):
        return None
