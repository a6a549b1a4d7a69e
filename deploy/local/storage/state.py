"""What the stand-in keeps: rows in SQLite, the bytes in one file per generation.

One lock is held for the whole of each transaction, so that what was looked at is still true when
it is written: every precondition rests on this.
"""

import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.storage.tables import SCHEMA, Tables

_GRACE_SECONDS = 60
# A kill of the process loses nothing without fsync, only a crash of the machine does.
_PRAGMAS = "pragma journal_mode = wal; pragma synchronous = off;"


class State:
    """The folder of one server; it survives a restart and a kill."""

    def __init__(self, folder: Path) -> None:
        """Open or create; files that no row names (a killed upload) are removed."""
        self._blobs = folder / "blobs"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(folder / "storage.sqlite", check_same_thread=False)
        self._db.executescript(_PRAGMAS + SCHEMA)
        self._discarded: deque[tuple[float, Path]] = deque()
        self._sweep()
        newest = self._db.execute("select coalesce(max(generation), 0) from version")
        self._generation: int = newest.fetchone()[0]

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[Tables]:
        """All or nothing, and alone; never nested."""
        with self._lock, self._db:
            yield Tables(self._db, self._blobs)

    def next_generation(self) -> int:
        """Microseconds since 1970, always growing; to be called inside a transaction."""
        self._generation = max(time.time_ns() // 1000, self._generation + 1)
        return self._generation

    def new_file(self) -> Path:
        """A path that nothing uses."""
        return self._blobs / uuid.uuid4().hex

    def discard(self, file: Path) -> None:
        """Delete the file a little later: a download may be about to open it."""
        self._discarded.append((time.monotonic(), file))
        while self._discarded and self._discarded[0][0] < time.monotonic() - _GRACE_SECONDS:
            self._discarded.popleft()[1].unlink(missing_ok=True)

    def _sweep(self) -> None:
        rows = self._db.execute("select file from version union select file from upload")
        known = {row[0] for row in rows}
        for file in self._blobs.iterdir():
            if file.name not in known:
                file.unlink()
