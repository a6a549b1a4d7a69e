"""Who watches which track: one Firestore listener per track, shared by all its watchers.

A listener can fall silent without a word. So whoever watches also reads the document, once per
heartbeat and track, and a listener that has missed something is replaced.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from services.ingest.live.topics import State, Topic
from shared import shutdown
from shared.errors import StoreUnavailable
from shared.ports import Snapshot, Store
from shared.track import TRACKS, Track

_log = logging.getLogger(__name__)
LISTENERS: Final = 64
"""Each is one stream of the store's connection, which carries a hundred; reads need some, too."""
_LOOKS: Final = 8
"""So often per heartbeat a track is read that has got no listener."""
_SLICE: Final = 1.0
"""Seconds after which everybody who waits notices that the process has to end."""


class Deleted(Exception):
    """The track is not there any more."""


class Watch:
    """One watcher's view of a track; ``wake`` may be called from any thread."""

    def __init__(self, hub: "Hub", topic: Topic) -> None:
        self._hub = hub
        self._topic = topic
        self._taken: State | None = None
        self._woken = False

    @property
    def newest(self) -> State:
        """The newest state that is known here."""
        return self._topic.newest

    def take(self, state: State | None) -> None:
        """Count *state* as taken; None: nothing is, and ``next`` answers at once."""
        self._taken = state

    def wake(self) -> None:
        """Let ``next`` return without a state, once."""
        with self._topic.changed:
            self._woken = True
            self._topic.changed.notify_all()

    def next(self, seconds: float) -> State | None:
        """The newest state as soon as it is another than the one taken last.

        None after *seconds*, when woken, and when the process has to end.

        Raises:
            Deleted: there is none any more.
        """
        until = time.monotonic() + seconds
        while not shutdown.stopping():
            state = self._wait(until)
            if state is not None:
                return state
            if self._topic.due():
                self._hub.look(self._topic)
            elif self._woken or time.monotonic() >= until:
                break
        self._woken = False
        return None

    def _wait(self, until: float) -> State | None:
        topic = self._topic
        with topic.changed:
            left = min(until, topic.look_at) - time.monotonic()
            topic.changed.wait_for(self._stirred, min(max(left, 0), _SLICE))
            if topic.gone:
                raise Deleted
            if topic.newest is self._taken:
                return None
            self._taken = topic.newest
            return self._taken

    def _stirred(self) -> bool:
        return self._topic.newest is not self._taken or self._topic.gone or self._woken


class Hub:
    """All watched tracks of this process; thread-safe."""

    def __init__(self, store: Store, *, heartbeat: float = 15, most: int = LISTENERS) -> None:
        """*heartbeat*: seconds between two reads of a track; *most*: listeners at once."""
        self._store = store
        self._heartbeat = heartbeat
        self._most = most
        self._lock = threading.Lock()
        self._topics: dict[str, Topic] = {}
        self._listeners = 0

    @property
    def listeners(self) -> int:
        """How many listeners are open, or about to be."""
        return self._listeners

    @contextmanager
    def watch(self, seen: Snapshot[Track]) -> Iterator[Watch]:
        """Follow the track that *seen* is of, from then on; at the end nothing listens for it."""
        topic = self._join(seen)
        try:
            if not topic.newest.track.status.ended:
                self._listen(topic)
            yield Watch(self, topic)
        finally:
            self._leave(topic)

    def look(self, topic: Topic) -> None:
        """Read the document: it tells what the listener may have missed."""
        try:
            seen = self._store.get(TRACKS, topic.newest.seen.id)
        except StoreUnavailable:
            self._deafen(topic)  # the client library would reopen it in a loop without a pause
            return
        if seen.value is None or seen.version is None:
            topic.delete()
            return
        if seen.version > topic.newest.version and topic.close is not None:
            _log.info("a listener has missed something", extra={"request_id": seen.id})
            self._deafen(topic)
        topic.tell(seen, looked=not seen.value.status.ended)
        self._listen(topic)

    def _join(self, seen: Snapshot[Track]) -> Topic:
        with self._lock:
            topic = self._topics.get(seen.id)
            if topic is None:
                topic = Topic(State(seen), self._heartbeat / _LOOKS)
                self._topics[seen.id] = topic
            topic.watchers += 1
        topic.tell(seen)
        return topic

    def _leave(self, topic: Topic) -> None:
        with self._lock:
            topic.watchers -= 1
            last = not topic.watchers
            if last:
                del self._topics[topic.newest.seen.id]
        if last:
            self._deafen(topic)

    def _listen(self, topic: Topic) -> None:
        with topic.listener:
            if topic.close is None and self._allowed():
                try:
                    topic.close = self._store.watch(TRACKS, topic.newest.seen.id, topic.tell)
                except BaseException:
                    with self._lock:
                        self._listeners -= 1
                    raise
                topic.pace(self._heartbeat)

    def _deafen(self, topic: Topic) -> None:
        with topic.listener:
            if topic.close is None:
                return
            topic.close()  # waits for its thread, which never waits for us
            topic.close = None
            topic.pace(self._heartbeat / _LOOKS)
            with self._lock:
                self._listeners -= 1

    def _allowed(self) -> bool:
        with self._lock:
            allowed = self._listeners < self._most
            self._listeners += allowed
            return allowed
