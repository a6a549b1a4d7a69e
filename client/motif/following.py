"""A track followed to its end: Server-Sent Events, and a long poll wherever they fail."""

import json
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any, Final

from motif.decoding import decode
from motif.errors import BadAnswer, MotifError, Refused, TimedOut, Unavailable
from motif.results import Track
from motif.retries import Deadline
from motif.sse import Events
from motif.transport import Call, Transport

_SILENCE: Final = 45.0
"""Seconds without even a heartbeat, of which one is due each 15 s: that stream is dead."""
_POLL: Final = 20.0
_SHORTEST: Final = 1.0
"""Seconds from one question to the next, whoever answers at once."""
_LONGEST_PAUSE: Final = 30.0


class Follower:
    """Follows one track, once."""

    def __init__(self, transport: Transport, track: Track, timeout: float | None) -> None:
        """*timeout*: seconds until it is given up; None: as long as it takes."""
        self._transport = transport
        self._track = track
        self._timeout = timeout
        self._deadline = Deadline(timeout)
        self._events = Events()
        self._streams = True

    def snapshots(self) -> Generator[Track, None, None]:
        """The track as it is, then each time that it has changed; the last one has ended.

        Raises:
            TimedOut: it has not, in time.
            MotifError: the API is away for longer than one call may take, or refuses.
        """
        yield self._track
        while not self._track.ended:
            with closing(self._newer()) as newer:
                for track in newer:
                    changed = track.raw != self._track.raw
                    self._track = track
                    if changed:
                        yield track
                    if track.ended:
                        return
            if self._deadline.passed:
                raise TimedOut(self._track, self._timeout or 0)

    def _newer(self) -> Generator[Track, None, None]:
        """What one stream tells; where there is none, what one long poll does."""
        url = self._track.links.get("events")
        if url and self._streams:
            told = 0
            try:
                for track in self._streamed(url):
                    told += 1
                    yield track
            except Refused as exc:
                # Whether the track is to be had will be told by the poll; a stream is not.
                self._streams, told = exc.temporary, 0
            except (Unavailable, BadAnswer):
                told = 0
            if told:
                self._rest(self._events.retry or _SHORTEST)
                return
        if not self._deadline.passed:
            yield self._polled()

    def _streamed(self, url: str) -> Iterator[Track]:
        self._events = Events(self._events.last_id)
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._events.last_id:
            headers["Last-Event-ID"] = self._events.last_id
        read = min(_SILENCE, self._deadline.left())
        with self._transport.open(url, headers, read) as response:
            kind = response.headers.get("Content-Type", "")
            if not kind.startswith("text/event-stream"):  # 204 too: what has ended is polled
                raise BadAnswer("This is no stream of events.", status=response.status_code)
            for chunk in response.iter_bytes():
                for event in self._events.feed(chunk):
                    yield decode(Track, _parsed(event.data))
                if self._deadline.passed:
                    return

    def _polled(self) -> Track:
        left = self._deadline.left()
        wait = int(min(_POLL, self._transport.timeout, left))
        call = Call(
            method="GET",
            path=f"/v1/tracks/{self._track.request_id}",
            query={"wait": str(wait)},
            repeatable=True,
            patience=wait,
        )
        began = time.monotonic()
        timeout = min(self._transport.timeout + wait, max(left, _SHORTEST))
        try:
            track = decode(Track, self._transport.json(call, timeout))
        except MotifError as exc:
            if exc.temporary and self._deadline.passed:
                raise TimedOut(self._track, self._timeout or 0) from None
            raise
        if not track.ended:
            self._rest(began + _SHORTEST - time.monotonic())
        return track

    def _rest(self, seconds: float) -> None:
        time.sleep(max(0.0, min(seconds, _LONGEST_PAUSE, self._deadline.left())))


def _parsed(data: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise BadAnswer("An event of the stream is no JSON.") from None
