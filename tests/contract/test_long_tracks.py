"""Tracks of several clips: paid once each, joined to the sample, the same after every crash."""

import io
import threading
import time
from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest
import soundfile

from services.generator.audio.mastering import render
from services.generator.model import Clip, ClipRequest, QuotaExceeded, ReplyLost
from shared import shutdown
from shared.errors import RetryableError, StorageUnavailable
from shared.gcp.storage import BucketObjects
from shared.ports import Stored
from shared.track import Park, Status, Track
from tests.support.bench import Bench, Script, tone
from tests.support.tracks import stored_track

LONG: dict[str, Any] = {"duration_seconds": 90.5, "seed": 7}
"""Three clips, and a seed that makes another track the same."""
CLIP_SECONDS = 32.768


@pytest.fixture(scope="module")
def clips() -> list[bytes]:
    return [tone(CLIP_SECONDS, hertz=hertz) for hertz in (220.0, 330.0, 440.0)]


class BySeed:
    """A model whose clip depends on what it is asked, not on when."""

    def __init__(self, clips: list[bytes], die_at: Mapping[int, Exception] | None = None) -> None:
        self._clips = clips
        self._die_at = dict(die_at or {})
        self._calls = count()
        self._lock = threading.Lock()
        self.asked: list[ClipRequest] = []

    def generate(self, request: ClipRequest) -> Clip:
        with self._lock:
            trouble = self._die_at.get(next(self._calls))
            self.asked.append(request)
        if trouble:
            raise trouble
        words = ("opening", "climax", "ending")
        place = next(i for i, word in enumerate(words) if f", {word} section" in request.prompt)
        return Clip(self._clips[place])


def wav(bench: Bench, track: Track) -> Any:
    data = bench.bucket.read(f"audio/{track.request_id}.wav")
    samples, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate == 48_000
    return samples


def test_a_long_track_is_several_clips_and_exact(bench: Bench, clips: list[bytes]) -> None:
    model = BySeed(clips)
    track = bench.push(bench.generator(model), stored_track(bench.store, **LONG))
    assert track.status is Status.COMPLETED
    assert track.result is not None
    assert len({asked.seed for asked in model.asked}) == len(model.asked) == 3
    assert len(wav(bench, track)) == round(90.5 * 48_000)
    assert (track.result.duration_seconds, track.result.clips) == (90.5, 3)
    assert track.result.cost_usd == pytest.approx(0.18)
    assert track.provider_calls == 3
    assert {side.kind for side in track.result.sides} == {"metadata", "waveform", "spectrogram"}


@pytest.mark.parametrize("stored", [0, 1, 2])
def test_a_death_between_two_clips_costs_nothing_and_changes_nothing(
    bench: Bench, clips: list[bytes], stored: int
) -> None:
    whole = bench.push(bench.generator(BySeed(clips)), stored_track(bench.store, **LONG))
    track_id = stored_track(bench.store, **LONG)
    first = BySeed(clips, {n: ReplyLost("cut") for n in range(stored, 9)})
    parked = bench.push(bench.generator(first), track_id)
    assert parked.park is Park.FAULT
    kept = len(bench.bucket.list(f"clips/{track_id}/"))
    assert kept == stored
    bench.wake_now(track_id, not_before=None)
    second = BySeed(clips)
    track = bench.push(bench.generator(second), track_id)
    assert track.status is Status.COMPLETED
    assert len(second.asked) == 3 - stored, "a stored clip was paid for again"
    assert (wav(bench, track) == wav(bench, whole)).all()


def test_the_first_reason_to_stop_forbids_new_calls(bench: Bench, clips: list[bytes]) -> None:
    """Four calls start at once; one is refused, the other three are stored, the rest waits."""
    track_id = stored_track(bench.store, duration_seconds=200)
    gate = threading.Barrier(4)
    refused = threading.Event()

    class Gated(Script):
        def generate(self, request: ClipRequest) -> Clip:
            self.asked.append(request)
            if gate.wait(20) == 0:
                refused.set()
                raise QuotaExceeded("429", retry_after=60)
            assert refused.wait(20)
            return Clip(clips[0])

    model = Gated(clips[0])
    track = bench.push(bench.generator(model), track_id)
    assert (track.park, track.holder) == (Park.QUOTA, "")
    assert len(model.asked) == 4
    assert len(bench.bucket.list(f"clips/{track_id}/")) == 3
    assert 0.1 < track.progress < 0.8


class Watching:
    """The bucket; before each write of the metadata it asks what the document says."""

    def __init__(self, bucket: BucketObjects, look: Any) -> None:
        self._bucket = bucket
        self._look = look
        self.ready: tuple[Any, ...] = ()
        self.said: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def write(self, name: str, data: Any, mime: str, **more: Any) -> Stored | None:
        if name.startswith("metadata/"):
            self.ready = self._look(name[9:-5]).ready
        self.said[name] = more.get("disposition", "")
        return self._bucket.write(name, data, mime, **more)


def test_a_file_can_be_listened_to_while_others_are_made(bench: Bench, clips: list[bytes]) -> None:
    formats = ("wav", "flac", "mp3", "ogg", "m4a")
    track_id = stored_track(bench.store, formats=formats)
    watching = Watching(bench.bucket, bench.track)
    track = bench.push(bench.generator(Script(clips[0]), bucket=watching), track_id)
    assert track.result is not None
    assert {audio.format for audio in watching.ready} == set(formats)
    assert tuple(audio.format for audio in track.result.audio) == formats
    assert set(watching.ready) == set(track.result.audio)
    assert track.ready == ()
    for audio in track.result.audio:
        live = bench.bucket.look(audio.uri.partition("output/")[2])
        assert live is not None
        assert (live.generation, live.size_bytes) == (audio.generation, audio.size_bytes)
    named = {name: said for name, said in watching.said.items() if not name.startswith("clips/")}
    assert set(named.values()) == {
        f'attachment; filename="motif-{track_id}{ending}"'
        for ending in (
            *(f".{name}" for name in formats),
            *("-waveform.json", "-spectrogram.png", "-metadata.json"),
        )
    }
    assert set(watching.said.values()) - set(named.values()) == {""}, "clips are nobody's download"


def test_the_clips_of_a_completed_track_go_when_their_time_has_come(
    bench: Bench, clips: list[bytes]
) -> None:
    track_id = stored_track(bench.store)
    generator = bench.generator(Script(clips[0]))
    track = bench.push(generator, track_id)
    assert track.wake_at == track.clips_due
    bench.wake_now(track_id)
    bench.sweep(generator)
    assert bench.bucket.list(f"clips/{track_id}/"), "their time had not come"
    bench.wake_now(track_id, clips_due=bench.store.clock.now())
    bench.sweep(generator)
    assert not bench.bucket.list(f"clips/{track_id}/")
    track = bench.track(track_id)
    assert (track.clips_due, track.wake_at) == (None, None)
    assert bench.bucket.look(f"audio/{track_id}.wav")


def test_a_call_that_may_be_paid_counts_whatever_stopped_the_claim(
    bench: Bench, clips: list[bytes]
) -> None:
    """The first reason is a refusal; the sibling's lost reply may have been paid all the same."""
    track_id = stored_track(bench.store, duration_seconds=60)
    both, refused = threading.Barrier(2), threading.Event()

    class Mixed(Script):
        def generate(self, request: ClipRequest) -> Clip:
            if both.wait(20) == 0:
                refused.set()
                raise QuotaExceeded("429", retry_after=60)
            assert refused.wait(20)
            time.sleep(0.2)
            raise ReplyLost("cut")

    track = bench.push(bench.generator(Mixed(clips[0])), track_id)
    assert (track.attempts, track.faults) == (1, 1)


def test_a_retry_after_the_clips_are_gone_asks_for_new_versions(bench: Bench) -> None:
    track_id = stored_track(bench.store)
    silent = Script(tone(32.768, level=0.0))
    generator = bench.generator(silent)
    failed = bench.push(generator, track_id)
    assert failed.error is not None
    assert failed.error.code == "audio_silent"
    for stored in bench.bucket.list(f"clips/{track_id}/"):
        bench.bucket.delete(stored)
    bench.tracks.retry("local", track_id)
    bench.push(generator, track_id)
    seeds = [asked.seed for asked in silent.asked]
    assert len(seeds) == len(set(seeds)) == 6


def test_a_bucket_that_cannot_delete_stops_no_sweep(bench: Bench, clips: list[bytes]) -> None:
    generator = bench.generator(Script(clips[0]))
    now = bench.store.clock.now
    finished = [bench.push(generator, stored_track(bench.store)) for _ in range(3)]
    for track in finished:
        bench.wake_now(track.request_id, clips_due=now())
    lost = stored_track(bench.store)
    bench.wake_now(lost)
    tried: list[str] = []

    def unable(track: Track) -> None:
        tried.append(track.request_id)
        raise StorageUnavailable("away")

    generator.clean = unable  # type: ignore[method-assign]  # the bucket, out of order
    bench.sweep(generator)
    assert len(tried) == 1
    assert len(bench.requests.sent) == 1
    assert all(bench.track(track.request_id).clips_due for track in finished)


def test_a_stop_during_the_encoding_lets_go_at_once(
    bench: Bench, clips: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    track_id = stored_track(bench.store, formats=("wav", "mp3"), **LONG)

    def stopped(*given: Any) -> None:
        shutdown.begin()
        render(*given)

    monkeypatch.setattr("services.generator.finishing.render", stopped)
    try:
        with pytest.raises(RetryableError):
            bench.push(bench.generator(BySeed(clips)), track_id)
    finally:
        shutdown.reset()
    track = bench.track(track_id)
    assert (track.park, track.holder, track.attempts) == (Park.STOPPED, "", 0)
    assert not bench.bucket.list(f"audio/{track_id}")
