"""Dead letters in the real emulator: seen without being lost, sent again, dropped."""

import json
import os
from collections.abc import Iterator

import pytest
import requests

from deploy.cloud.dead_letters import _parser, work
from deploy.cloud.letters import Letters, Refused
from deploy.local.topology import create_pubsub
from shared.messages import encode, request_attributes
from tests.support.topics import Topics, topics, track_requested

TOPIC = "track-requests"
ADDED = {
    "CloudPubSubDeadLetterSourceDeliveryCount": "10",
    "CloudPubSubDeadLetterSourceSubscription": "eventarc-track-requests",
}


@pytest.fixture
def opened(project: str) -> Iterator[Topics]:
    create_pubsub(project)
    with topics(project) as connected:
        yield connected


@pytest.fixture
def letters(opened: Topics) -> Iterator[Letters]:
    with requests.Session() as session:
        base = f"http://{os.environ['PUBSUB_EMULATOR_HOST']}"
        yield Letters(session, opened.project, TOPIC, base)


def dead(opened: Topics, request_id: str) -> str:
    """A good message that was given up; its id."""
    message = track_requested(request_id)
    attributes = {**request_attributes(message, "tests"), **ADDED}
    return opened.publish(f"{TOPIC}-dead", encode(message), attributes)


def run(letters: Letters, *arguments: str) -> tuple[set[str], int]:
    return work(_parser().parse_args(arguments), TOPIC, letters)


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_looking_takes_nothing_away(
    opened: Topics, letters: Letters, capsys: pytest.CaptureFixture[str]
) -> None:
    first, garbage = dead(opened, "one"), opened.publish(f"{TOPIC}-dead", b"\xff not json", {})

    for _ in range(3):
        assert run(letters, "list") == ({first, garbage}, 0)
        seen = {line["id"]: line for line in printed(capsys)}
        assert seen[first]["request_id"] == "one"
        assert seen[first]["tenant"] == "local"
        assert seen[first]["deliveries"] == "10"
        assert (seen[garbage]["readable"], seen[garbage]["bytes"]) == (False, "/yBub3QganNvbg==")
        assert {line["now"] for line in seen.values()} == {"kept"}


def test_a_replay_is_the_message_as_it_was(opened: Topics, letters: Letters) -> None:
    again, kept = dead(opened, "again"), dead(opened, "kept")

    assert run(letters, "replay", again) == ({again, kept}, 0)

    (message,) = opened.pull("eventarc-track-requests")
    assert json.loads(message.data)["request_id"] == "again"
    wanted = request_attributes(track_requested("again"), "tests").keys()
    assert wanted <= dict(message.attributes).keys()
    assert not [name for name in message.attributes if name.startswith("CloudPubSub")]
    assert run(letters, "list") == ({kept}, 0)


def test_what_nobody_can_read_is_not_sent_again_by_mistake(
    opened: Topics, letters: Letters, capsys: pytest.CaptureFixture[str]
) -> None:
    garbage = opened.publish(f"{TOPIC}-dead", b"not json", {})

    assert run(letters, "replay", "--all") == ({garbage}, 1)
    assert "--unreadable" in str(printed(capsys)[0]["now"])
    # The topic's schema has its own word in it: the message stays where it is.
    assert run(letters, "replay", "--all", "--unreadable") == ({garbage}, 1)
    assert "400" in str(printed(capsys)[0]["now"])
    assert run(letters, "list") == ({garbage}, 0)


def test_a_dropped_one_is_gone(opened: Topics, letters: Letters) -> None:
    gone, kept = dead(opened, "gone"), dead(opened, "kept")
    assert run(letters, "drop", gone) == ({gone, kept}, 0)
    assert run(letters, "list") == ({kept}, 0)


def test_without_the_subscription_it_says_what_pubsub_says(opened: Topics) -> None:
    with requests.Session() as session:
        base = f"http://{os.environ['PUBSUB_EMULATOR_HOST']}"
        with pytest.raises(Refused, match="404"):
            run(Letters(session, opened.project, "another-topic", base), "list")
