"""Live events on the real topic, from a real generator; only the model is scripted."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from deploy.local.topology import create_pubsub
from services.generator.model import ModelUnavailable
from services.generator.reporter import APART
from services.ingest.tracks.use_cases import Tracks
from shared import live
from shared.errors import Code, PermanentError
from shared.gcp.pubsub import TopicPublisher
from shared.messages import TrackEvent, decode_event, encode
from shared.ports import Publisher
from shared.track import Status
from shared.webhooks import LIVE_EVENTS
from tests.support.api import Api
from tests.support.bench import Bench, Script, tone
from tests.support.messages import completed_event
from tests.support.topics import Topics, topics
from tests.support.tracks import TIMING, Outbox, asked

TOPIC = "track-progress"
URL = "https://hooks.example/"
ALL: dict[str, Any] = {"callback_url": URL, "callback_events": LIVE_EVENTS}
REJECTED = PermanentError("no", code=Code.MODEL_REJECTED)


@pytest.fixture(scope="module")
def sound() -> bytes:
    return tone(32.768)


@pytest.fixture
def opened(project: str) -> Iterator[Topics]:
    create_pubsub(project)
    with topics(project) as connected:
        yield connected


@pytest.fixture
def talking(bench: Bench, opened: Topics) -> Iterator[Bench]:
    """A bench whose generator and API speak on the real topic."""
    with closing(TopicPublisher(opened.project, TOPIC, timeout=live.PATIENCE)) as progress:
        yield speaking(bench, progress)


def speaking(bench: Bench, progress: Publisher) -> Bench:
    bench.progress = progress
    bench.tracks = Tracks(
        store=bench.store, requests=Outbox(), events=Outbox(), progress=progress, timing=TIMING
    )
    return bench


def submitted(bench: Bench, **changes: Any) -> str:
    return bench.tracks.submit(asked(**changes))[0].request_id


def late(seconds: float, sound: bytes) -> Callable[[], bytes]:
    """A model's answer that takes its time."""

    def answer() -> bytes:
        time.sleep(seconds)
        return sound

    return answer


def heard(opened: Topics) -> list[tuple[TrackEvent, datetime]]:
    """What was published until now, each with its time, in that order."""
    mark = completed_event().model_copy(update={"request_id": "mark"})
    opened.publish(TOPIC, encode(mark), {})
    found: list[tuple[TrackEvent, datetime]] = []
    while all(event.request_id != "mark" for event, _ in found):
        pulled = opened.pull(f"eventarc-{TOPIC}")
        found += [(decode_event(message.data), message.publish_time) for message in pulled]
    found.sort(key=lambda one: one[1])
    assert found.pop()[0].request_id == "mark"
    return found


def words(events: list[tuple[TrackEvent, datetime]]) -> list[str]:
    return [event.type.split(".")[1] for event, _ in events]


def test_who_asks_is_told_in_order_and_not_too_often(
    talking: Bench, opened: Topics, sound: bytes
) -> None:
    track_id = submitted(talking, duration_seconds=90, **ALL)
    model = Script(*(late(seconds, sound) for seconds in (0.5, 1.0, 3.5)))
    track = talking.push(talking.generator(model), track_id)
    assert track.status is Status.COMPLETED
    events = heard(opened)
    told = [event for event, _ in events]
    count = len(events) - 2
    assert count >= 2
    assert words(events) == ["queued", "running", *(["progress"] * count)]
    assert [event.status for event in told] == ["queued", *["running"] * (count + 1)]
    ending = decode_event(track.announcements[-1].data)
    sequences = [event.sequence for event in (*told, ending)]
    assert sequences == sorted(set(sequences))
    shown = [event.progress for event in told]
    assert shown == sorted(shown)
    assert shown[:2] == [0.0, 0.1]
    assert {event.stage for event in told[1:3]} == {"generating"}
    assert {(event.request_id, event.run, event.tenant) for event in told} == {
        (track_id, 1, "local")
    }
    assert len({event.event_id for event in told}) == len(told)
    times = [at for event, at in events if event.type == "track.progress.v1"]
    assert all((b - a).total_seconds() >= APART - 0.01 for a, b in pairwise(times))
    assert track.ended_at
    assert events[-1][1] < track.ended_at


@pytest.mark.parametrize(
    ("asking", "told"),
    [
        ({"callback_url": URL}, []),
        ({"callback_events": LIVE_EVENTS}, []),
        ({"callback_url": URL, "callback_events": ("track.completed",)}, []),
        ({"callback_url": URL, "callback_events": ("track.queued",)}, ["queued"]),
        ({"callback_url": URL, "callback_events": ("track.running",)}, ["running"]),
        ({"callback_url": URL, "callback_events": ("track.progress",)}, ["progress"]),
    ],
)
def test_nothing_is_told_that_was_not_asked_for(
    talking: Bench, opened: Topics, sound: bytes, asking: dict[str, Any], told: list[str]
) -> None:
    track_id = submitted(talking, **asking)
    model = Script(late(0.5, sound))
    assert talking.push(talking.generator(model), track_id).status is Status.COMPLETED
    assert words(heard(opened))[: len(told) + 1] == told


def test_a_run_is_announced_once_however_many_claims_it_takes(
    talking: Bench, opened: Topics, sound: bytes
) -> None:
    track_id = submitted(talking, **ALL)
    generator = talking.generator(Script(ModelUnavailable("no"), late(2.5, sound)))
    assert talking.push(generator, track_id).status is Status.RUNNING
    talking.wake_now(track_id, not_before=None)
    again = time.time()
    assert talking.push(generator, track_id).status is Status.COMPLETED
    events = heard(opened)
    assert words(events)[:3] == ["queued", "running", "progress"]
    assert words(events).count("running") == 1
    first, at = events[2]
    assert first.event_id == f"{track_id}:1:progress:2:1"
    assert at.timestamp() >= again + APART


def test_a_retry_is_queued_and_runs_again(talking: Bench, opened: Topics) -> None:
    track_id = submitted(talking, **ALL)
    generator = talking.generator(Script(REJECTED))
    assert talking.push(generator, track_id).status is Status.FAILED
    ending = decode_event(talking.track(track_id).announcements[-1].data)
    talking.tracks.retry("local", track_id)
    assert talking.push(generator, track_id).status is Status.FAILED
    events = heard(opened)
    assert words(events) == ["queued", "running"] * 2
    assert [event.run for event, _ in events] == [1, 1, 2, 2]
    assert events[1][0].sequence < ending.sequence < events[2][0].sequence


@pytest.fixture(params=["refuses", "is silent", "is closed", "is not there"])
def trouble(
    request: pytest.FixtureRequest, opened: Topics, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TopicPublisher]:
    """A publisher on a topic that cannot be reached, each in its way."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        if request.param == "is silent":
            nobody.listen()
        if request.param in ("refuses", "is silent"):
            monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{nobody.getsockname()[1]}")
        name = "nowhere" if request.param == "is not there" else TOPIC
        with closing(TopicPublisher(opened.project, name, timeout=live.PATIENCE)) as publisher:
            if request.param == "is closed":
                publisher.close()
            yield publisher


@pytest.mark.faults
def test_a_topic_in_trouble_takes_no_track_with_it(
    bench: Bench, sound: bytes, trouble: TopicPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    speaking(bench, trouble)
    caplog.set_level(logging.WARNING, "shared.live")
    quiet = submitted(bench)
    begun = time.monotonic()
    loud = submitted(bench, **ALL)
    assert time.monotonic() - begun < live.PATIENCE + 0.5
    generator = bench.generator(Script(sound, late(1.5, sound)))

    def seconds(track_id: str) -> float:
        begun = time.monotonic()
        track = bench.push(generator, track_id)
        assert (track.status, track.epoch) == (Status.COMPLETED, 2)  # one claim, one ending
        return time.monotonic() - begun

    seconds(quiet)  # whatever is done only once
    assert seconds(loud) - seconds(submitted(bench)) < live.PATIENCE + 0.5
    failed = [(vars(r)["event"], vars(r)["code"]) for r in caplog.records if "event" in vars(r)]
    assert [event for event, _ in failed[:3]] == [
        "track.queued.v1", "track.running.v1", "track.progress.v1",
    ]  # fmt: skip
    assert {code for _, code in failed} <= {"publish_failed", "internal"}


class Slow(Outbox):
    """A topic that answers late."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[float] = []

    def publish(self, message: Any, attributes: Any) -> None:
        time.sleep(live.PATIENCE * 0.7)
        super().publish(message, attributes)
        self.taken.append(time.time())


def test_nothing_is_told_after_the_ending(bench: Bench, sound: bytes) -> None:
    slow = Slow()
    speaking(bench, slow)
    track_id = submitted(bench, **ALL)
    track = bench.push(bench.generator(Script(sound)), track_id)
    assert track.ended_at
    told = len(slow.sent)
    time.sleep(live.PATIENCE)
    assert len(slow.sent) == told >= 2
    assert slow.taken[-1] < track.ended_at.timestamp()


def test_the_api_tells_of_what_it_has_queued(public_api: Api) -> None:
    request_id = public_api.accepted(callback_url=URL, callback_events=["track.queued"])
    public_api.accepted(callback_url=URL)
    assert [(event.request_id, event.type) for event, _ in heard(public_api.topics)] == [
        (request_id, "track.queued.v1")
    ]
