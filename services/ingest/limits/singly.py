"""One after the other, for those who want the same thing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_PATIENCE: Final = 3.0
"""Seconds: a help against needless races, never a reason to fail."""


class Singly:
    """A lock for each name that is in use; thread-safe, one per process."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        """None is in use; a turn is waited for *patience* seconds."""
        self._patience = patience
        self._lock = threading.Lock()
        self._turns: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Run while nobody else has *name*'s turn, or when patience has ended."""
        turn = self._join(name)
        own = turn.acquire(timeout=self._patience)
        try:
            yield
        finally:
            if own:
                turn.release()
            self._leave(name)

    def _join(self, name: str) -> threading.Lock:
        with self._lock:
            turn, users = self._turns.get(name) or (threading.Lock(), 0)
            self._turns[name] = turn, users + 1
            return turn

    def _leave(self, name: str) -> None:
        with self._lock:
            turn, users = self._turns[name]
            if users > 1:
                self._turns[name] = turn, users - 1
            else:
                del self._turns[name]
