"""A file of a track, whole or not at all: resumed where it breaks off, checked, then renamed."""

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from motif.errors import BadAnswer, Damaged, Misuse, MotifError, TrackFailed, Unavailable
from motif.results import SIDES, AudioFile, Track
from motif.retries import Deadline, pause
from motif.transport import Transport

Tell = Callable[[int, int | None], None]
"""Called with the bytes that are there and those there will be (None: not known)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file is, and what is known of it before."""

    url: str
    size: int | None = None
    sha256: str | None = None


def source_of(track: Track, name: str) -> Source | None:
    """The file *name* (a format, or one of ``SIDES``) of *track*; None: not now.

    Raises:
        TrackFailed: it has ended without audio.
        Misuse: it was made without such a file.
    """
    if track.ended and not track.completed:
        raise TrackFailed(track)
    if name in SIDES:
        link = track.links.get(name)
        return Source(link) if link and track.completed else None
    audio: dict[str, AudioFile] = {file.format: file for file in track.audio}
    if name not in audio:
        asked = track.parameters.get("formats", [name])
        if name not in asked or track.completed:
            cure = f"It has: {', '.join(map(str, asked))}."
            raise Misuse(f"The track was not made as {name}.", cure, field="format")
        return None
    file = audio[name]
    return Source(file.href, file.size_bytes, file.sha256)


def save(transport: Transport, source: Source, path: Path, tell: Tell) -> None:
    """Put the file at *path*, which until then stays as it was.

    Raises:
        MotifError: not to be had; ``Damaged`` where it is not what was announced.
        OSError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            _Download(transport, source, file, tell).run()
        os.replace(part, path)  # noqa: PTH105 - the same as Path.replace, and says that it replaces
    finally:
        part.unlink(missing_ok=True)


class _Download:
    """One file on its way."""

    def __init__(self, transport: Transport, source: Source, file: BinaryIO, tell: Tell) -> None:
        self._transport = transport
        self._source = source
        self._file = file
        self._tell = tell
        self._digest = hashlib.sha256()
        self._size = 0
        self._patience = Deadline(transport.timeout)
        self._failures = 0

    def run(self) -> None:
        while not self._complete():
            try:
                self._read_on()
            except MotifError as exc:
                rest = pause(exc, self._failures, repeatable=True)
                if rest is None or rest >= self._patience.left():
                    raise
                self._failures += 1
                time.sleep(rest)
        if self._source.sha256 and self._digest.hexdigest() != self._source.sha256:
            raise Damaged("The file's SHA-256 is not the one that the API tells.")

    def _complete(self) -> bool:
        if self._source.size is None:
            return self._size > 0
        if self._size > self._source.size:
            raise Damaged("The file is longer than the API tells.")
        return self._size == self._source.size

    def _read_on(self) -> None:
        headers = {"Accept-Encoding": "identity"}  # else neither Range nor size would be the file's
        if self._size:
            headers["Range"] = f"bytes={self._size}-"
        with self._transport.open(self._source.url, headers) as response:
            for chunk in _after(response, self._size):
                self._file.write(chunk)
                self._digest.update(chunk)
                self._size += len(chunk)
                self._tell(self._size, self._source.size)
                self._patience, self._failures = Deadline(self._transport.timeout), 0
                if self._source.size is not None and self._size > self._source.size:
                    return
        if self._source.size is not None and self._size < self._source.size:
            raise Unavailable("connection_lost", "The download broke off.", temporary=True)
        if self._source.size is None and not self._size:
            raise BadAnswer("The file is empty.")


def _after(response: httpx.Response, offset: int) -> Iterator[bytes]:
    """The bytes from *offset* on, whether the server knows Range or not."""
    skip = offset
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        skip = 0
        if not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            raise BadAnswer("The rest of the file begins elsewhere than it should.")
    for chunk in response.iter_bytes():
        kept = chunk[skip:]
        skip -= min(skip, len(chunk))
        if kept:
            yield kept
