"""Tracks finished in memory: the generator's own steps from clips to files, no bucket, no model."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from services.generator.claim import Claim
from services.generator.finals import Finals
from services.generator.finishing import Finishing
from services.generator.model import ClipRequest
from services.generator.prompt import Version, clip_request
from services.generator.sound import Sound, prepare
from shared import rules
from shared.clock import StoreClock
from shared.messages import TrackRequest, TrackResult
from shared.models import MODELS
from shared.ports import Objects, SeekableFile, Snapshot, Store, Stored
from shared.timing import Timing
from shared.track import Track

REQUEST_ID = "00000000-0000-4000-8000-000000000001"
TIMING = Timing()

Maker = Callable[[ClipRequest], bytes]
"""What a model does: a WAV file for what is asked."""
Takes = Mapping[Version, bytes]
"""The clips of a track, in their order."""


class Shelf:
    """A bucket in memory, where nobody else writes."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def uri(self, name: str) -> str:
        return f"gs://shelf/{name}"

    def look(self, name: str) -> Stored | None:
        data = self.files.get(name)
        return None if data is None else Stored(name, 1, len(data), "", {})

    def read(self, name: str) -> bytes:
        return self.files[name]

    def write(
        self, name: str, data: bytes | SeekableFile, mime: str, *, replaces: int, **more: Any
    ) -> Stored | None:
        file = io.BytesIO(data) if isinstance(data, bytes) else data
        file.seek(0)
        self.files[name] = file.read()
        return self.look(name)


class Desk:
    """A store with one document, where nobody else writes."""

    def __init__(self, track: Track) -> None:
        self.clock = StoreClock()
        self.clock.see(datetime.now(UTC))
        self._track = track

    def get(self, collection: Any, doc_id: str) -> Snapshot[Track]:
        now = self.clock.now()
        return Snapshot(doc_id, self._track, now, now)

    def commit(self, *writes: Any) -> datetime:
        (self._track,) = (write.value for write in writes)
        return self.clock.now()


@dataclass(frozen=True)
class Finished:
    """A track, what it was made of, and its files by format or kind."""

    track: Track
    sound: Sound
    result: TrackResult
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def metadata(self) -> Any:
        return json.loads(self.files["metadata"])


def new_track(request: TrackRequest, request_id: str = REQUEST_ID) -> Track:
    """A track that is claimed, so that it can be finished."""
    now = datetime.now(UTC)
    track = rules.new_track(
        request,
        request_id=request_id,
        tenant="local",
        fingerprint="f",
        lifetime=3600,
        now=now,
        timing=TIMING,
    )
    return rules.claimed(track, "h1", now, TIMING)


def clips(track: Track, make: Maker, count: int = 0) -> Takes:
    """First versions of all clips that *track* is made of, or of *count*."""
    request = track.request
    of = count or MODELS[request.model].clips(request.duration_seconds, loop=request.loop)
    versions = [Version(clip, of) for clip in range(of)]
    asked = [clip_request(request, track.request_id, version) for version in versions]
    return {version: make(ask) for version, ask in zip(versions, asked, strict=True)}


def prepared(track: Track, takes: Takes) -> Sound:
    return prepare([*takes.values()], [*takes], track)


def finish(track: Track, takes: Takes) -> Finished:
    """Make every file of *track*, the metadata too."""
    shelf = Shelf()
    claim = Claim(cast("Store", Desk(track)), track, TIMING)
    sound = prepared(track, takes)
    result = Finishing(Finals(cast("Objects", shelf))).finish(claim, sound)
    named = {audio.uri: audio.format for audio in result.audio}
    named |= {side.uri: side.kind for side in result.sides}
    files = {named[shelf.uri(name)]: data for name, data in shelf.files.items()}
    return Finished(track, sound, result, files)
