"""An erased track: gone at once for everybody, its objects soon after, whoever is still at work."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from google.cloud.firestore import Client as Firestore
from google.cloud.storage import Bucket
from werkzeug.test import TestResponse

from services.generator.handler import Generator
from services.notifier.delivery import Answer
from services.notifier.record import Recorder
from services.notifier.rows import Rows
from shared import erasing
from shared.endings import Ending, announce
from shared.errors import StorageUnavailable
from shared.gcp.storage import BucketObjects, storage_client
from shared.messages import decode_event, encode
from shared.ports import Stored
from shared.track import USAGE, Status, Track
from shared.webhooks import DELIVERIES, webhook_id
from tests.support.api import BASE, GOOD, Api, api, failed, refused, storage_at
from tests.support.bench import Bench, Script, tone
from tests.support.deliveries import recorded
from tests.support.emulation import Emulators
from tests.support.erased import TEXTS, documents, generations, telling
from tests.support.tracks import TIMING

HOOK = {"callback_url": TEXTS["callback_url"]}
NOWHERE = "00000000-0000-4000-8000-000000000000"
CALLS = [
    *(("GET", path) for path in ("", "?wait=1", "/webhook", "/audio.wav", "/waveform")),
    *(("GET", path) for path in ("/spectrogram", "/metadata")),
    *(("POST", path) for path in ("/cancel", "/retry", "/webhook/redeliver")),
]


class World:
    """Ingest, a generator and the recorder of webhooks in one project."""

    def __init__(self, public: Api, bucket: Bucket) -> None:
        self.api = public
        self.bucket = bucket
        self.objects = BucketObjects(bucket.client, bucket.name)
        self.bench = Bench(public.store, self.objects)
        self.rows = Firestore(project=public.project)
        public.document("clock")  # from here on the store's time is known
        self.recorder = Recorder(store=public.store, public_url=BASE)

    def erase(self, request_id: str) -> TestResponse:
        return self.api.client.delete(f"/v1/tracks/{request_id}")

    def failed(self, **changes: Any) -> str:
        """A track that has ended, told to everybody who has to know, and may be erased."""
        request_id = self.api.accepted(**changes)
        self.api.end(request_id, failed())
        self.told(request_id)
        return request_id

    def told(self, request_id: str) -> None:
        """Publish what is to be published, and record it as the notifier does."""
        announce(self.api.store, self.bench.events, request_id)
        for announcement in self.track(request_id).announcements:
            self.recorder.record(decode_event(announcement.data))

    def completed(self, **changes: Any) -> str:
        """A finished track with all its files."""
        request_id = self.api.accepted(**changes)
        generator = self.bench.generator(Script(tone(21)))
        assert self.bench.push(generator, request_id).status is Status.COMPLETED
        self.told(request_id)
        return request_id

    def track(self, request_id: str) -> Track:
        return self.bench.track(request_id)

    def objects_of(self, request_id: str) -> list[str]:
        return generations(self.bucket, request_id)

    def generator(self, model: Any = None, bucket: Any = None) -> Generator:
        return self.bench.generator(model or Script(failed_model()), bucket=bucket)


def failed_model() -> Exception:
    return AssertionError("nobody asks the model")


@pytest.fixture(scope="module")
def world(emulators: Emulators, storage_url: str) -> Iterator[World]:
    with api(storage_url) as public, storage_at(storage_url):
        client = storage_client(public.project)
        made = World(public, client.bucket(public.output))
        with closing(client), closing(made.rows):
            yield made


def test_an_erased_track_is_gone_at_once(world: World) -> None:
    request_id = world.completed(**TEXTS, formats=["wav", "mp3"])
    webhook = webhook_id(f"{request_id}:1:completed")
    assert len(telling(world.rows)) == 2, "its track and its webhook"
    (usage,) = [
        text for path, text in documents(world.rows).items() if f"usage/{request_id}" in path
    ]
    answer = world.erase(request_id)
    assert (answer.status_code, answer.data) == (204, b"")
    assert telling(world.rows) == set()
    none = without_id(world.api.client.get(f"/v1/tracks/{NOWHERE}"))
    for method, path in CALLS:
        found = world.api.client.open(f"/v1/tracks/{request_id}{path}", method=method)
        assert without_id(found) == none, (method, path)
    listed = world.api.client.get("/v1/tracks").get_json()["tracks"]
    assert request_id not in [track["request_id"] for track in listed]
    refused(world.api.client.get(f"/v1/webhooks/events/{webhook}"), 404, "no_such_webhook")
    assert world.api.store.get(DELIVERIES, webhook).value is None
    kept = world.api.store.get(USAGE, world.track(request_id).usage_id())
    assert kept.value
    assert (
        kept.value.billed_usd,
        repr(world.rows.document(f"usage/{kept.id}").get().to_dict()),
    ) == (
        0.06,
        usage,
    )


def without_id(answer: TestResponse) -> dict[str, Any]:
    """The problem, but for the id of the request."""
    assert answer.status_code == 404
    return {k: v for k, v in answer.get_json(force=True).items() if k != "request_id"}


def test_its_objects_go_with_every_generation(world: World) -> None:
    other = world.completed()
    kept = world.objects_of(other)
    request_id = world.completed(formats=["wav", "flac", "mp3", "ogg", "m4a"])
    for name in (f"audio/{request_id}.wav", f"clips/{request_id}/0-1.wav"):
        live = world.objects.look(name)
        assert live
        assert world.objects.write(name, b"again", "audio/wav", replaces=live.generation)
    error = f"errors/{request_id}.json"
    assert world.objects.write(error, b"{}", "application/json", replaces=0)
    stored = world.objects.look(error)
    assert stored
    world.objects.delete(stored)
    found = world.objects_of(request_id)
    assert len(found) == 5 + 3 + 1 + 1 + 2 + 1
    prefixes = tuple(p.format(request_id) for p in (*erasing.OUTPUT, *erasing.PROMPTS))
    assert all(name.startswith(prefixes) for name in found)
    world.api.published()
    world.erase(request_id)
    (message,) = world.api.published()
    assert (message.request_id, message.request.prompt) == (request_id, erasing.ERASED)
    assert world.bench.push(world.generator(), request_id).wake_at is not None
    assert world.objects_of(request_id) == []
    assert world.objects_of(other) == kept


def test_it_is_looked_for_once_more_and_then_rests(world: World) -> None:
    request_id = world.failed()
    world.erase(request_id)
    track = world.bench.push(world.generator(), request_id)
    assert track.wake_at == track.erase_until
    assert track.erase_until is not None
    world.objects.write(f"clips/{request_id}/0-1.wav", b"late", "audio/wav", replaces=0)
    world.bench.wake_now(request_id, erase_until=world.api.store.clock.now())
    world.bench.sweep(world.generator())
    track = world.track(request_id)
    assert (track.wake_at, track.erase_until) == (None, None)
    assert world.objects_of(request_id) == []


def test_a_lost_wake_up_costs_time_only(world: World) -> None:
    request_id = world.completed()
    world.erase(request_id)
    track = world.track(request_id)
    assert track.wake_at is not None
    assert track.wake_at <= world.api.store.clock.now() + timedelta(seconds=30)
    world.bench.wake_now(request_id)
    world.bench.sweep(world.generator())
    assert world.objects_of(request_id) == []


class Away:
    """The bucket, which does not answer for a while."""

    def __init__(self, bucket: BucketObjects, answers: int) -> None:
        self._bucket = bucket
        self._answers = answers
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def purge(self, prefix: str) -> None:
        if self._answers == 0:
            self.refused += 1
            raise StorageUnavailable("away")
        self._answers -= 1
        self._bucket.purge(prefix)


@pytest.mark.parametrize("answers", [0, 3])
def test_while_the_bucket_is_away_nothing_is_forgotten(world: World, answers: int) -> None:
    request_id = world.completed()
    world.erase(request_id)
    away = Away(world.objects, answers)
    world.bench.push(world.generator(bucket=away), request_id)
    world.bench.wake_now(request_id)
    world.bench.sweep(world.generator(bucket=away), seconds=0.1)
    assert away.refused == 2
    track = world.track(request_id)
    assert track.erase_until is not None
    assert track.wake_at is not None
    assert track.wake_at < track.erase_until
    assert world.objects_of(request_id)
    world.bench.wake_now(request_id)
    world.bench.sweep(world.generator())
    assert world.objects_of(request_id) == []


class Late:
    """The bucket as a worker sees it that sleeps right before one of its writes."""

    def __init__(self, bucket: BucketObjects, prefix: str, meanwhile: Callable[[], None]) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._meanwhile = meanwhile
        self.written = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def write(self, name: str, data: Any, mime: str, **more: Any) -> Stored | None:
        if not name.startswith(self._prefix):
            return self._bucket.write(name, data, mime, **more)
        self._meanwhile()
        stored = self._bucket.write(name, data, mime, **more)
        self.written += stored is not None
        return stored


@pytest.mark.parametrize("prefix", ["clips/", "audio/", "waveforms/", "spectrograms/", "metadata/"])
def test_a_worker_that_comes_too_late_leaves_nothing(world: World, prefix: str) -> None:
    """It has passed its last check when its track is cancelled, erased and cleared away."""
    request_id = world.api.accepted()

    def meanwhile() -> None:
        world.api.end(request_id, Ending(Status.CANCELLED))
        assert world.erase(request_id).status_code == 204
        world.generator().erase(request_id)
        assert not [name for name in world.objects_of(request_id) if name.startswith(prefix)]

    late = Late(world.objects, prefix, meanwhile)
    world.bench.push(world.generator(Script(tone(21)), bucket=late), request_id)
    assert late.written == 1, "else nothing was brought back"
    assert world.objects_of(request_id) == []
    assert world.track(request_id).erased


def test_an_open_track_is_not_erased(world: World) -> None:
    request_id = world.api.accepted()
    answer = world.erase(request_id)
    assert "queued" in refused(answer, 409, "not_ended")["detail"]
    assert world.api.state(request_id)["parameters"]["prompt"] == GOOD["prompt"]


def test_what_is_not_there_is_not_erased(world: World) -> None:
    foreign, over = world.failed(), world.failed()
    world.api.change(foreign, tenant="acme")
    world.api.change(over, expire_at=world.api.store.clock.now())
    told = {
        json.dumps(without_id(world.erase(one))) for one in (NOWHERE, "x", foreign, over, "%00")
    }
    assert len(told) == 1
    assert world.track(foreign).request.prompt == GOOD["prompt"]


def test_erased_again_it_is_erased(world: World) -> None:
    request_id = world.failed()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.api.app.test_client().delete(
            f"/v1/tracks/{request_id}").status_code, range(16)))  # fmt: skip
    assert set(answers) == {204}
    before = world.track(request_id)
    assert world.erase(request_id).status_code == 204
    assert world.track(request_id) == before


def test_the_key_of_an_erased_track_makes_no_other(world: World) -> None:
    headers = {"Idempotency-Key": "once"}

    def submit(path: str, **changes: Any) -> TestResponse:
        return world.api.client.post(path, json=GOOD | changes, headers=headers)

    request_id = submit("/v1/tracks").get_json()["request_id"]
    world.api.end(request_id, failed())
    world.told(request_id)
    world.erase(request_id)
    before = world.track(request_id)
    for changes in ({}, {"seed": 7}):
        told = refused(submit("/v1/tracks", **changes), 409, "track_erased")
        assert (told["field"], told["cure"]) == (
            "Idempotency-Key",
            "Send a new key to have a track made.",
        )
    assert submit("/").status_code == 409
    assert world.track(request_id) == before
    world.api.change(request_id, expire_at=world.api.store.clock.now())
    assert submit("/v1/tracks").status_code == 202
    assert world.track(request_id).status is Status.QUEUED


def test_an_ending_that_was_not_published_yet_still_is(world: World) -> None:
    request_id = world.api.accepted(**TEXTS)
    world.api.end(request_id, failed())
    (announcement,) = world.track(request_id).announcements
    assert world.erase(request_id).status_code == 204
    track = world.track(request_id)
    assert track.announcements == (announcement,)
    assert track.request.callback_url == ""
    world.bench.events.sent.clear()
    world.bench.wake_now(request_id)
    world.bench.sweep(world.generator(bucket=Away(world.objects, 0)), seconds=0.1)
    assert [data for data, _ in world.bench.events.sent] == [announcement.data]
    assert world.track(request_id).wake_at is not None, "its objects are still to be looked for"
    assert world.objects_of(request_id) == [], "no errors/ID.json was made for it"
    world.bench.wake_now(request_id)
    world.bench.sweep(world.generator())
    track = world.track(request_id)
    assert (track.announcements, track.wake_at) == ((), track.erase_until)
    assert world.recorder.record(decode_event(announcement.data)) is None
    assert telling(world.rows) == set()


def test_nobody_is_called_after_that(world: World) -> None:
    """A webhook that waits for its attempt goes; one whose POST is out leaves no trace."""
    rows = Rows(store=world.api.store, timing=TIMING)
    waiting, flying = (recorded(world.api, world.api.accepted(**HOOK)) for _ in range(2))
    taken = rows.take(rows.get(flying.webhook_id), "holder")
    assert taken.value
    for row in (waiting, flying):
        assert world.erase(row.request_id).status_code == 204
    for status in (200, 500):
        rows.record(taken, Answer(status=status, answer="hush-hush"), world.api.store.clock.now())
    for row in (waiting, flying):
        assert rows.get(row.webhook_id).value is None
    assert telling(world.rows) == set()


def test_either_it_is_recorded_first_or_never(world: World) -> None:
    """The notifier records an ending while its track is being erased."""
    for _ in range(10):
        request_id = world.api.accepted(**HOOK)
        world.api.end(request_id, failed())
        announce(world.api.store, world.bench.events, request_id)
        (announcement,) = world.track(request_id).announcements
        with ThreadPoolExecutor(2) as pool:
            recording = pool.submit(world.recorder.record, decode_event(announcement.data))
            erased = pool.submit(world.erase, request_id)
            recording.result()
            assert erased.result().status_code == 204
        assert world.api.store.get(DELIVERIES, webhook_id(announcement.event_id)).value is None


def test_a_retry_and_an_erasing_do_not_both_win(world: World) -> None:
    for _ in range(10):
        request_id = world.failed()
        with ThreadPoolExecutor(2) as pool:
            client, url = world.api.app.test_client(), f"/v1/tracks/{request_id}/retry"
            retried = pool.submit(client.post, url)
            erased = pool.submit(world.erase, request_id)
            found = retried.result().status_code, erased.result().status_code
        assert found in ((202, 409), (404, 204))
        track = world.track(request_id)
        assert (track.erased, track.status) == (
            (True, Status.FAILED) if found[1] == 204 else (False, Status.QUEUED)
        )


def test_the_wake_up_is_a_message_like_any_other(world: World) -> None:
    """It fits the topic's schema, and a generator that knows nothing of it does no harm."""
    request_id = world.failed(**TEXTS)
    world.erase(request_id)
    command = world.track(request_id).command()
    text = encode(command).decode()
    assert not any(word in text for word in ("xylophones", "bassoons", "hush-hush", "token"))
    assert (command.run, command.request.callback_events) == (1, ())


def test_an_erasing_leaves_what_every_rule_needs(world: World) -> None:
    request_id = world.failed()
    before = world.track(request_id)
    world.erase(request_id)
    after = world.track(request_id)
    kept = ("request_id", "tenant", "created_at", "status", "run", "epoch", "expire_at", "ended_at")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
