"""The generator's use case on the real store and a real bucket; only the model is scripted."""

import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError
from google.cloud.storage import Client

from services.generator.claim import Claim, take
from services.generator.model import (
    ModelUnavailable,
    NothingToStore,
    QuotaExceeded,
    ReplyLost,
)
from shared import shutdown
from shared.errors import Code, PermanentError, StorageUnavailable
from shared.gcp.firestore import FirestoreStore
from shared.gcp.storage import BucketObjects
from shared.ports import Stored
from shared.timing import Timing
from shared.track import PROGRESS, Park, Stage, Status, Track
from tests.support.api import storage_at
from tests.support.bench import Bench, Script, tone
from tests.support.tracks import TIMING, Outbox, asked, stored_track


@pytest.fixture(scope="module")
def sound() -> bytes:
    return tone(21)


REFUSED = PermanentError("no", code=Code.PROMPT_BLOCKED)


def test_a_track_is_made(bench: Bench, sound: bytes) -> None:
    track_id = stored_track(bench.store)
    model = Script(sound)
    assert bench.push(bench.generator(model), track_id).status is Status.COMPLETED
    assert len(model.asked) == 1
    track = bench.track(track_id)
    assert track.wake_at == track.clips_due


def test_retries_do_not_make_the_document_grow(bench: Bench) -> None:
    metadata = {f"k{n}": "x" * 512 for n in range(16)}
    track_id = stored_track(bench.store, metadata=metadata)
    generator = bench.generator(Script(REFUSED))
    for _ in range(4):
        bench.push(generator, track_id)
        bench.tracks.retry("local", track_id)
    track = bench.track(track_id)
    assert (track.run, len(track.announcements), len(track.calls)) == (5, 0, 0)


def test_the_same_key_after_the_track_is_gone_makes_a_track_that_can_end(bench: Bench) -> None:
    generator = bench.generator(Script(REFUSED))
    first, _ = bench.tracks.submit(asked(key="daily"))
    assert bench.push(generator, first.request_id).status is Status.FAILED
    past = bench.store.clock.now() - timedelta(seconds=1)
    bench.wake_now(first.request_id, expire_at=past)
    time.sleep(1.1)  # usage rows are told apart by the second
    second, replayed = bench.tracks.submit(asked(key="daily"))
    assert (second.request_id, replayed) == (first.request_id, False)
    assert bench.push(generator, second.request_id).status is Status.FAILED


def broken_rows(store: FirestoreStore, count: int) -> None:
    batch = store._client.batch()
    for n in range(count):
        old = {"wake_at": store.clock.now() - timedelta(hours=1), "status": "of a later release"}
        batch.set(store._client.collection("tracks").document(f"broken{n}"), old)
    batch.commit()


def test_broken_rows_hide_no_others(bench: Bench) -> None:
    track_id = stored_track(bench.store)
    bench.wake_now(track_id)
    broken_rows(bench.store, 200)
    assert bench.sweep(bench.generator(Script(REFUSED)))["woken"] == 1
    assert len(bench.requests.sent) == 1


def test_a_row_that_must_end_is_moved_on_first(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    track_id = stored_track(bench.store)
    bench.wake_now(track_id, deadline=bench.store.clock.now())
    generator = bench.generator(Script(REFUSED))

    def unable(*_: object) -> None:
        raise StorageUnavailable("no")

    monkeypatch.setattr(generator, "end_unclaimed", unable)
    assert bench.sweep(generator, seconds=0.1) == {"woken": 0, "failed": 1}
    monkeypatch.undo()
    track = bench.track(track_id)
    assert track.wake_at is not None
    assert track.wake_at > bench.store.clock.now()
    bench.wake_now(track_id)
    bench.sweep(generator)
    assert bench.track(track_id).status is Status.EXPIRED


def test_a_pass_ends_when_its_time_is_over(bench: Bench) -> None:
    for _ in range(6):
        bench.wake_now(stored_track(bench.store))

    class Slow(Outbox):
        def publish(self, message: Any, attributes: Any) -> None:
            time.sleep(0.3)

    bench.requests = Slow()
    assert bench.sweep(bench.generator(Script(REFUSED)), seconds=0.5)["woken"] <= 3


def test_a_pass_ends_when_the_process_does(bench: Bench) -> None:
    for _ in range(4):
        bench.wake_now(stored_track(bench.store))

    class Last(Outbox):
        def publish(self, message: Any, attributes: Any) -> None:
            shutdown.begin()

    bench.requests = Last()
    try:
        assert bench.sweep(bench.generator(Script(REFUSED)), seconds=5)["woken"] == 1
    finally:
        shutdown.reset()


def test_a_broken_renewal_is_followed_by_another(bench: Bench) -> None:
    timing = Timing().scaled(0.02)
    track_id = stored_track(bench.store)
    claim = take(bench.store, track_id, 1, timing)
    assert isinstance(claim, Claim)
    failures = [ValueError("anything"), StorageUnavailable("blip")]
    renew = claim.renew

    def sometimes() -> Track:
        if failures:
            raise failures.pop()
        return renew()

    claim.renew = sometimes  # type: ignore[method-assign]  # two broken renewals, then the real ones
    with claim.kept():
        time.sleep(timing.lease * 1.3)
        assert bench.track(track_id).live(bench.store.clock.now())
    assert not failures


def test_a_cancel_during_the_call_stops_the_work_after_it(bench: Bench, sound: bytes) -> None:
    track_id = stored_track(bench.store)
    answers: list[str] = []

    def reply() -> bytes:
        answers.append(bench.tracks.cancel("local", track_id))
        return sound

    assert bench.push(bench.generator(Script(reply)), track_id).status is Status.CANCELLED
    assert answers == ["cancelling"]
    assert bench.track(track_id).progress < PROGRESS[Stage.STORING]
    assert bench.bucket.look(f"clips/{track_id}/0-1.wav")
    assert bench.bucket.look(f"audio/{track_id}.wav") is None


def test_the_metadata_names_the_version_that_is_heard(bench: Bench, sound: bytes) -> None:
    track_id = stored_track(bench.store)
    recitation = NothingToStore("r", code=Code.PROMPT_RECITATION)
    generator = bench.generator(Script(recitation, QuotaExceeded("429", retry_after=0.01)))
    assert bench.push(generator, track_id).park is Park.QUOTA
    name = f"clips/{track_id}/0-1.wav"  # of a call that was thought lost, and comes late
    bench.bucket.write(name, sound, "audio/wav", replaces=0)
    time.sleep(0.05)
    assert bench.push(generator, track_id).status is Status.COMPLETED
    metadata = json.loads(bench.bucket.read(f"metadata/{track_id}.json"))
    assert [clip["object"] for clip in metadata["clips"]] == [name]


class ErrorsAway:
    """The bucket, but ``errors/`` cannot be reached."""

    def __init__(self, bucket: BucketObjects) -> None:
        self._bucket = bucket

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def look(self, name: str) -> Stored | None:
        if name.startswith("errors/"):
            raise StorageUnavailable("away")
        return self._bucket.look(name)


def test_a_failure_is_announced_though_its_object_has_to_wait(bench: Bench) -> None:
    track_id = stored_track(bench.store)
    away = bench.generator(Script(REFUSED), bucket=ErrorsAway(bench.bucket))
    assert bench.push(away, track_id).status is Status.FAILED
    assert len(bench.events.sent) == 1
    assert bench.track(track_id).wake_at is not None
    bench.generator(Script(REFUSED)).announce(track_id)
    assert bench.events.sent[0] == bench.events.sent[1]
    assert bench.bucket.look(f"errors/{track_id}.json")
    assert bench.track(track_id).wake_at is None


class Hiccups:
    """The bucket, whose first writes of clips fail."""

    def __init__(self, bucket: BucketObjects, failures: int) -> None:
        self._bucket = bucket
        self._left = failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def write(self, name: str, data: bytes, mime: str, **more: Any) -> Stored | None:
        if name.startswith("clips/") and self._left:
            self._left -= 1
            raise StorageUnavailable("hiccup")
        return self._bucket.write(name, data, mime, **more)


def test_a_paid_reply_is_stored_however_often_it_takes(bench: Bench, sound: bytes) -> None:
    track_id = stored_track(bench.store)
    model = Script(sound)
    generator = bench.generator(model, bucket=Hiccups(bench.bucket, 5))
    assert bench.push(generator, track_id).status is Status.COMPLETED
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    ("trouble", "attempts", "refused"),
    [
        (ModelUnavailable("500", refused=True), 0, True),
        (ModelUnavailable("no way"), 0, False),
        (ReplyLost("cut"), 1, False),
        (QuotaExceeded("429"), 0, False),
    ],
)
def test_only_what_may_be_paid_counts(
    bench: Bench, trouble: Exception, attempts: int, refused: bool
) -> None:
    track_id = stored_track(bench.store)
    track = bench.push(bench.generator(Script(trouble)), track_id)
    assert track.attempts == attempts
    assert (track.refused_since is not None) == refused


def test_an_hour_of_refusals_ends_the_track(bench: Bench) -> None:
    timing = replace(TIMING, refusals=0.2, fault_backoff=0.01, fault_backoff_limit=0.01)
    track_id = stored_track(bench.store)
    generator = bench.generator(Script(ModelUnavailable("500", refused=True)), timing)
    assert bench.push(generator, track_id).park is Park.FAULT
    time.sleep(0.25)
    track = bench.push(generator, track_id)
    assert track.error is not None
    assert (track.status, track.error.code) == (Status.FAILED, "model_unavailable")


class NoToken(Credentials):
    """Credentials whose token cannot be refreshed."""

    def refresh(self, request: object) -> None:
        raise RefreshError("metadata server: 500")

    @property
    def valid(self) -> bool:
        return False


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Google's client keeps its session open
def test_a_token_that_cannot_be_had_is_storage_unavailable(project: str, storage_url: str) -> None:
    with storage_at(storage_url):
        bucket = BucketObjects(Client(project=project, credentials=NoToken()), "b")
    for act in (
        lambda: bucket.look("a"),
        lambda: bucket.read("a"),
        lambda: bucket.write("a", b"x", "text/plain", replaces=0),
    ):
        with pytest.raises(StorageUnavailable):
            act()
