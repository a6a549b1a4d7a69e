"""Live streams of tracks: what is sent when, and how many at once, whatever the protocol."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from services.ingest.live.hub import Deleted, Hub, Watch
from services.ingest.live.sse import Mark
from services.ingest.live.topics import Body, Render, State
from shared import shutdown
from shared.errors import RetryableError
from shared.ports import Snapshot
from shared.track import Track

_AGAIN: Final = 1.0
"""Seconds after which a body is made again that could not be made."""


class TooManyStreams(Exception):
    """All places are taken."""


@dataclass(frozen=True, slots=True)
class Event:
    """One state of the track, to be sent."""

    mark: Mark
    text: str
    """The body of ``GET /v1/tracks/{id}``, in one line."""


class Stream:
    """One client that follows one track; whoever has one closes it."""

    def __init__(
        self,
        watch: Watch,
        render: Render,
        admitted: Callable[[], bool],
        *,
        heartbeat: float,
        life: float,
    ) -> None:
        """*life*: seconds until the client is sent away, as it is when *admitted* says no."""
        self.held = ExitStack()
        """What ``close`` gives back."""
        self.ended = False
        """Whether the last event told the ending: nothing comes after it."""
        self.wake = watch.wake
        self._watch = watch
        self._render = render
        self._admitted = admitted
        self._heartbeat = heartbeat
        self._until = time.monotonic() + life
        self._sent = ""

    def events(self) -> Iterator[Event | None]:
        """Each state that differs from the one before, the newest only; None: nothing to tell.

        None comes at least once per heartbeat, and after ``wake``. Ends after the track's ending,
        or when the client should come again: elsewhere, if this process has to end.
        """
        while not self.ended and not shutdown.stopping():
            left = self._until - time.monotonic()
            if left <= 0 or not self._admitted():
                return
            try:
                state = self._watch.next(min(self._heartbeat, left))
            except Deleted:
                return
            yield self._event(state) if state else None

    def knows(self, state: State, body: Body) -> None:
        """The client has had this one, before it lost an earlier stream."""
        self._watch.take(state)
        self._sent = body.tag

    def close(self) -> None:
        """Give back the place; the last watcher of a track closes its listener. Idempotent."""
        self.held.close()

    def _event(self, state: State) -> Event | None:
        try:
            body = state.body(self._render)
        except RetryableError:
            self._watch.take(None)
            shutdown.wait(_AGAIN)
            return None
        if body.tag == self._sent:  # a lease was renewed: nothing that the body shows
            return None
        self._sent, self.ended = body.tag, state.track.status.ended
        return Event(mark_of(state), body.text)


class Streams:
    """Opens streams while there are places; thread-safe, one per process."""

    def __init__(
        self,
        hub: Hub,
        render: Render,
        *,
        most: int,
        heartbeat: float,
        life: float,
    ) -> None:
        """*most* streams at once; *life* and *heartbeat* in seconds."""
        self._hub = hub
        self._render = render
        self._places = threading.BoundedSemaphore(most)
        self.heartbeat: Final = heartbeat
        self._life = life

    def open(
        self, seen: Snapshot[Track], admitted: Callable[[], bool], after: Mark | None = None
    ) -> Stream:
        """Follow a track from *seen* on; *after*: what the client has had before.

        *admitted* is asked at least once per heartbeat whether the client may still be told.
        An ended track takes no place: it is told, and that is all.

        Raises:
            TooManyStreams: come later, or elsewhere.
            StoreUnavailable: the first event cannot be made.
        """
        with ExitStack() as stack:
            assert seen.value is not None  # noqa: S101 - `Tracks.get` raises otherwise
            if not seen.value.status.ended:
                self._take_place(stack)
            watch = stack.enter_context(self._hub.watch(seen))
            newest = watch.newest
            body = newest.body(self._render)
            stream = Stream(
                watch, self._render, admitted, heartbeat=self.heartbeat, life=self._life
            )
            if after == mark_of(newest):
                stream.knows(newest, body)
            stream.held = stack.pop_all()
        return stream

    def _take_place(self, stack: ExitStack) -> None:
        if not self._places.acquire(blocking=False):
            raise TooManyStreams
        stack.callback(self._places.release)


def over(seen: Snapshot[Track], after: Mark | None) -> bool:
    """Whether a client that has had *after* knows the ending: it need not come again."""
    track = seen.value
    assert track is not None  # noqa: S101 - as above
    return after is not None and after.ended and track.status.ended and after.run == track.run


def mark_of(state: State) -> Mark:
    """The mark of a state."""
    ended = state.track.status.ended
    return Mark.of(state.track.run, state.version, ended=ended)
