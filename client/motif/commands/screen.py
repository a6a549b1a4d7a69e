"""What the terminal shows: results on stdout, everything on the way there on stderr."""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TextIO

from motif.results import Track
from motif.text import plain

_BAR: Final = 24
_REDRAWN: Final = 0.2
_STEP: Final = 0.25
"""Progress between two plain lines."""
_BLOCKS: Final = ("\u2588", "\u2591")
_ASCII: Final = ("#", "-")


class Progress(Protocol):
    """Shows how a track comes along."""

    def show(self, track: Track) -> None:
        """The newest that is known of it."""

    def note(self, text: str) -> None:
        """What is done besides."""


@contextmanager
def progress(*, as_json: bool) -> Iterator[Progress]:
    """A live bar where somebody looks; plain lines else, and none of them for a script."""
    screen = sys.stderr
    if screen.isatty() and os.environ.get("TERM") != "dumb":
        bar = Bar(screen)
        try:
            yield bar
        finally:
            bar.close()
    else:
        yield Lines(None if as_json else screen)


class Lines:
    """One line for each change that matters."""

    def __init__(self, screen: TextIO | None) -> None:
        """*screen*: None shows nothing."""
        self._screen = screen
        self._last: tuple[Any, ...] = ()

    def show(self, track: Track) -> None:
        """See ``Progress``."""
        now = (track.status, track.stage, track.waiting_for, int(track.progress / _STEP))
        if now != self._last:
            self._last = now
            self.note(state(track))

    def note(self, text: str) -> None:
        """See ``Progress``."""
        if self._screen is not None:
            print(text, file=self._screen, flush=True)


class Bar:
    """One line that is drawn again and again, so that the clock in it goes on."""

    def __init__(self, screen: TextIO) -> None:
        """Begins to draw as soon as there is something to show."""
        self._screen = screen
        self._began = time.monotonic()
        self._track: Track | None = None
        self._note = ""
        self._full, self._empty = _BLOCKS if _can(screen, _BLOCKS) else _ASCII
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._redraw, daemon=True)
        self._thread.start()

    def show(self, track: Track) -> None:
        """See ``Progress``."""
        self._track, self._note = track, ""

    def note(self, text: str) -> None:
        """See ``Progress``."""
        self._note = text

    def close(self) -> None:
        """Draw the last state, and leave the line."""
        self._stop.set()
        self._thread.join()
        if self._track is not None or self._note:
            self._draw()
            print(file=self._screen, flush=True)

    def _redraw(self) -> None:
        while not self._stop.wait(_REDRAWN):
            self._draw()

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns - 1
        line = self._line()[:width]
        try:
            print(f"\r{line:<{width}}", end="", file=self._screen, flush=True)
        except OSError:  # nobody looks any more
            self._stop.set()

    def _line(self) -> str:
        clock = _clock(time.monotonic() - self._began)
        if self._track is None or self._note:
            return f"{clock}  {self._note}"
        done = round(_BAR * min(1.0, max(0.0, self._track.progress)))
        bar = self._full * done + self._empty * (_BAR - done)
        return f"{clock}  {bar} {self._track.progress:4.0%}  {state(self._track, percent=False)}"


def state(track: Track, *, percent: bool = True) -> str:
    """Such as ``running: mastering, 62 %, about 0:12 to go``."""
    words = [f"{track.status}: {track.stage}" if track.stage else track.status]
    if percent and track.status == "running":
        words.append(f"{track.progress:.0%}")
    if track.waiting_for:
        words.append(f"waiting for {track.waiting_for}")
    if not track.ended and track.eta is not None:
        words += _estimate(track)
    if track.error is not None:
        words.append(track.error.message)
    return plain(", ".join(words), 200)


def _estimate(track: Track) -> list[str]:
    assert track.eta is not None  # noqa: S101 - as the caller has seen
    words = []
    if track.eta.queue_position:
        words.append(f"place {track.eta.queue_position} in the queue")
    p50 = track.eta.p50
    if p50 is not None and p50.tzinfo is not None:
        left = (p50 - datetime.now(UTC)).total_seconds()
        words.append(f"about {_clock(left)} to go" if left > 0 else "any moment now")
    return words


def put(text: str) -> None:
    """A result, for a person."""
    print(text)


def put_json(found: Mapping[str, Any]) -> None:
    """A result, for a script: one line."""
    print(json.dumps(found), flush=True)


def say(text: str) -> None:
    """What is no result."""
    print(text, file=sys.stderr, flush=True)


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """Columns as wide as what is in them."""
    cells = [head, *(tuple(plain(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        put("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def size(count: int | None) -> str:
    """Such as ``2.4 MB``."""
    return "" if count is None else f"{count / 1e6:.1f} MB"


def _clock(duration: float) -> str:
    return f"{int(duration) // 60}:{int(duration) % 60:02d}"


def _can(screen: TextIO, characters: tuple[str, ...]) -> bool:
    try:
        "".join(characters).encode(screen.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
