"""How many images are read at once, and that no tenant takes all the places."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services.ingest.prompts import refusals

PLACES: Final = 4
"""In one instance: each image takes up to 30 MB until it is small."""
SHARE: Final = 1
"""Of these for one tenant: one image at a time is decoded anyway."""
_WAIT: Final = 30.0


class Uploads:
    """The places; thread-safe, one per process."""

    def __init__(self, patience: float = _WAIT) -> None:
        """A place is waited for *patience* seconds."""
        self._patience = patience
        self._held: Counter[str] = Counter()
        self._left = threading.Condition()

    @contextmanager
    def place(self, tenant: str) -> Iterator[None]:
        """Hold one of the places.

        Raises:
            Problem: 503, this tenant has its share, or all are taken.
        """
        with self._left:
            if not self._left.wait_for(lambda: self._free(tenant), self._patience):
                raise refusals.busy()
            self._held[tenant] += 1
        try:
            yield
        finally:
            with self._left:
                self._held -= Counter((tenant,))
                self._left.notify_all()

    def _free(self, tenant: str) -> bool:
        return self._held[tenant] < SHARE and self._held.total() < PLACES
