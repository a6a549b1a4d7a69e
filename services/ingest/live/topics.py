"""A watched track: the newest state of it, and when somebody has to look again."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.ports import Snapshot
from shared.track import Track


@dataclass(frozen=True, slots=True)
class Body:
    """A track as it is shown."""

    text: str
    """In one line."""
    tag: str
    """Equal where nothing is told that another body has not told."""


Render = Callable[[Track], Body]


class State:
    """A track as one look saw it, rendered at most once; thread-safe."""

    def __init__(self, seen: Snapshot[Track]) -> None:
        """*seen* has a value."""
        assert seen.value is not None  # noqa: S101 - nobody watches what is not there
        assert seen.version is not None  # noqa: S101 - same
        self.seen: Final = seen
        self.track: Final = seen.value
        self.version: Final = seen.version
        self._lock = threading.Lock()
        self._body: Body | None = None

    def body(self, render: Render) -> Body:
        """What *render* makes of it; what that raises is raised here, and it is asked again."""
        with self._lock:
            self._body = self._body or render(self.track)
            return self._body


class Topic:
    """A watched track; ``newest`` is the one place of every watcher's mailbox."""

    def __init__(self, state: State, every: float) -> None:
        self.newest = state
        self.every = every
        self.look_at = time.monotonic() + every
        self.changed = threading.Condition()
        self.gone = False
        self.watchers = 0
        self.listener = threading.Lock()
        self.close: Callable[[], None] | None = None

    def tell(self, seen: Snapshot[Track], *, looked: bool = False) -> None:
        """Take in what a listener told, or a look saw; never blocks, never goes back."""
        if seen.value is not None and seen.value.erased:
            self.delete()  # nobody sees it any more, neither who came before that
            return
        state = State(seen)
        with self.changed:
            newer = state.version > self.newest.version
            if newer or (looked and state.version == self.newest.version):
                self.newest = state
                self.look_at = time.monotonic() + self.every
                self.changed.notify_all()

    def due(self) -> bool:
        """Whether it is time for a look, which is then the caller's."""
        with self.changed:
            now = time.monotonic()
            due = now >= self.look_at
            if due:
                self.look_at = now + self.every
            return due

    def pace(self, every: float) -> None:
        """Look each *every* seconds from now on."""
        with self.changed:
            self.every = every
            self.look_at = time.monotonic() + every

    def delete(self) -> None:
        """Let everybody know that there is nothing to watch."""
        with self.changed:
            self.gone = True
            self.changed.notify_all()
