"""A generator on the real store and a real bucket; only the model is scripted."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import soundfile

from services.generator.calls import Calls
from services.generator.clips import Clips
from services.generator.erasing import Eraser
from services.generator.finals import Finals
from services.generator.handler import Generator
from services.generator.line import Line
from services.generator.model import Clip, ClipRequest, MusicModel
from services.generator.quota import Quota
from services.generator.sweeper import TrackSweeper
from services.ingest.tracks.use_cases import Tracks
from shared.allowance import Allowance
from shared.events import Delivery
from shared.gcp.firestore import FirestoreStore
from shared.gcp.storage import BucketObjects
from shared.messages import encode
from shared.ports import Publisher, Update
from shared.sweep import sweep
from shared.timing import Timing
from shared.track import TRACKS, Track
from tests.support.tracks import TIMING, Outbox

Answer = bytes | Exception | Callable[[], bytes]


class Script:
    """A model that gives the answers it was told, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[ClipRequest] = []

    def generate(self, request: ClipRequest) -> Clip:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return Clip(answer() if callable(answer) else answer)


class Bench:
    """A generator with everything that it touches."""

    def __init__(self, store: FirestoreStore, bucket: BucketObjects) -> None:
        self.store = store
        self.allowance = Allowance(store, "plenty", depth=1000, per_second=1000)
        self.bucket = bucket
        self.events = Outbox()
        self.requests = Outbox()
        self.progress: Publisher = Outbox()
        self.tracks = Tracks(
            store=store, requests=Outbox(), events=Outbox(), progress=Outbox(), timing=TIMING
        )

    def generator(
        self, model: MusicModel, timing: Timing = TIMING, bucket: Any = None, slots: int = 4
    ) -> Generator:
        bucket = bucket or self.bucket
        return Generator(
            store=self.store,
            events=self.events,
            progress=self.progress,
            prompts=self.bucket,
            clips=Clips(
                bucket, Calls(bucket, model, Quota(self.allowance, timing), timing, at_once=8)
            ),
            finals=Finals(bucket),
            eraser=Eraser(store=self.store, prompts=self.bucket, output=bucket),
            line=Line(store=self.store, requests=self.requests, timing=timing),
            timing=timing,
            slots=slots,
        )

    def push(self, generator: Generator, track_id: str) -> Track:
        """Deliver the track's present command; return what became of it."""
        now = self.store.clock.now()
        data = encode(self.track(track_id).command())
        push = Delivery(
            id="1", time=now, source="s", data=data, attributes={}, message_id="1", attempt=1,
            subscription="s",
        )  # fmt: skip
        generator.handle(push)
        return self.track(track_id)

    def track(self, track_id: str) -> Track:
        track = self.store.get(TRACKS, track_id).value
        assert track is not None
        return track

    def sweep(self, generator: Generator, seconds: float = 1.0) -> dict[str, int]:
        return sweep(self.store, TRACKS, self.sweeper(generator).wake, Timing(sweep=seconds))

    def sweeper(self, generator: Generator) -> TrackSweeper:
        return TrackSweeper(
            store=self.store,
            requests=self.requests,
            generator=generator,
            quota=Quota(self.allowance, TIMING),
            timing=TIMING,
        )

    def wake_now(self, track_id: str, **fields: Any) -> None:
        self.change(track_id, wake_at=self.store.clock.now(), **fields)

    def change(self, track_id: str, **fields: Any) -> None:
        """Write to a track past all rules."""
        seen = self.store.get(TRACKS, track_id)
        assert seen.value
        assert seen.version
        changed = replace(seen.value, **fields)
        self.store.commit(Update(TRACKS, track_id, changed, seen.version))


def tone(seconds: float, *, hertz: float = 440.0, level: float = 0.27) -> bytes:
    """A clip that passes the quality gate."""
    at = np.arange(round(seconds * 48_000)) / 48_000
    wave = np.sin(hertz * 2 * np.pi * at) * level
    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack([wave, wave], 1), 48_000, subtype="PCM_16", format="WAV")
    return buffer.getvalue()
