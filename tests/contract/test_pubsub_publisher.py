import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from deploy.local.topology import create_pubsub
from shared.gcp.pubsub import PublishFailed, TopicPublisher
from shared.messages import (
    ENDING_TYPES,
    ErrorInfo,
    encode,
    event_attributes,
    request_attributes,
)
from tests.support.messages import completed_event
from tests.support.topics import Topics, topics, track_requested

SUBSCRIPTIONS = {"track-requests": "eventarc-track-requests", "track-events": "track-events-tap"}
REQUESTED = json.loads(encode(track_requested("x")))


@pytest.fixture
def opened(project: str) -> Iterator[Topics]:
    """The topics of a project of its own, with their schemas attached."""
    create_pubsub(project)
    with topics(project) as opened:
        yield opened


@pytest.fixture
def requests(opened: Topics) -> Iterator[TopicPublisher]:
    with closing(TopicPublisher(opened.project, "track-requests")) as publisher:
        yield publisher


def test_a_message_arrives_with_its_attributes(opened: Topics, requests: TopicPublisher) -> None:
    message = track_requested("r1")
    attributes = request_attributes(message, "ingest")
    requests.publish(message, attributes)
    (arrived,) = opened.pull(SUBSCRIPTIONS["track-requests"])
    assert arrived.data == encode(message)
    added = {name for name in arrived.attributes if name.startswith("googclient_")}
    assert {k: v for k, v in arrived.attributes.items() if k not in added} == attributes


def test_stored_bytes_are_published_as_they_are(opened: Topics) -> None:
    event = completed_event()
    data = encode(event) + b" "
    with closing(TopicPublisher(opened.project, "track-events")) as events:
        events.publish(data, event_attributes(event, "generator"))
        events.publish(data, event_attributes(event, "generator"))
    arrived: list[bytes] = []
    while len(arrived) < 2:
        arrived += [message.data for message in opened.pull(SUBSCRIPTIONS["track-events"])]
    assert arrived == [data, data]


def test_the_schema_takes_every_ending(opened: Topics) -> None:
    error = ErrorInfo(code="internal", message='ä\n"', cure="", retryable=True)
    with closing(TopicPublisher(opened.project, "track-events")) as events:
        for status, kind in ENDING_TYPES.items():
            changes: dict[str, object] = {"type": kind, "status": status}
            if status != "completed":
                changes |= {"result": (), "error": (error,), "metadata": {}}
            event = completed_event().model_copy(update=changes)
            events.publish(event, event_attributes(event, "generator"))


def broken(**changes: object) -> bytes:
    return json.dumps({k: v for k, v in (REQUESTED | changes).items() if v is not ...}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"not JSON",
        b"{}",
        b"null",
        encode(completed_event()),
        broken(tenant=...),
        broken(tenant=None),
        broken(run="1"),
        broken(request=[]),
        broken(request=REQUESTED["request"] | {"loudness_lufs": [None]}),
        broken(request=REQUESTED["request"] | {"seed": {"long": 7}}),
    ],
)
def test_the_schema_refuses_what_is_no_command(
    opened: Topics, requests: TopicPublisher, data: bytes
) -> None:
    with pytest.raises(PublishFailed, match="InvalidArgument"):
        requests.publish(data, {})
    requests.publish(track_requested("next"), {})
    assert [json.loads(m.data)["request_id"] for m in opened.pull("eventarc-track-requests")] == [
        "next"
    ]


def test_a_refused_message_takes_no_other_with_it(opened: Topics, requests: TopicPublisher) -> None:
    def publish(number: int) -> bool:
        try:
            requests.publish(track_requested(f"r{number}") if number % 2 else b"{}", {})
        except PublishFailed:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(publish, range(24))) == [False, True] * 12
    arrived: set[str] = set()
    while len(arrived) < 12:
        pulled = opened.pull("eventarc-track-requests")
        arrived |= {json.loads(message.data)["request_id"] for message in pulled}
    assert arrived == {f"r{number}" for number in range(1, 24, 2)}


def test_a_topic_that_is_not_there_is_said_as_such(project: str) -> None:
    with (
        closing(TopicPublisher(project, "nowhere")) as publisher,
        pytest.raises(PublishFailed, match="NotFound"),
    ):
        publisher.publish(track_requested("x"), {})


@pytest.fixture(params=["refuses", "is silent"])
def nobody(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where nobody answers: a port without a listener, and one whose listener never accepts."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if request.param == "is silent":
            silent.listen()
        yield f"127.0.0.1:{silent.getsockname()[1]}"


def test_no_answer_is_said_in_time(
    project: str, monkeypatch: pytest.MonkeyPatch, nobody: str
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", nobody)
    with closing(TopicPublisher(project, "track-requests", timeout=0.5)) as publisher:
        begun = time.monotonic()
        with pytest.raises(PublishFailed):
            publisher.publish(track_requested("x"), {})
        assert time.monotonic() - begun < 2


def test_a_failure_tells_nothing_of_the_message(requests: TopicPublisher) -> None:
    with pytest.raises(PublishFailed) as caught:
        requests.publish(broken(request="a secret waltz"), {"tenant": "secret"})
    assert "secret" not in str(caught.value)
    assert caught.value.code == "publish_failed"
