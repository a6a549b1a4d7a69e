"""The example of a downstream system, as a process, against the real Pub/Sub emulator."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.cloud.pubsub_v1 import SubscriberClient

from deploy.local.topology import create_pubsub
from shared.messages import encode, event_attributes
from tests.support.messages import completed_event
from tests.support.topics import Topics, topics

SUBSCRIBER = Path(__file__).parents[2] / "client" / "examples" / "subscriber.py"
SUBSCRIPTION = "my-completed-tracks"
PATIENCE = 30.0


class Running:
    """The example, and what it has said so far."""

    def __init__(self, project: str, folder: Path, subscription: str) -> None:
        command = [sys.executable, str(SUBSCRIBER), "--project", project]
        command += ["--subscription", subscription, "--state", str(folder / "endings.db")]
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("ab") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(command, stdout=out, stderr=err, env=os.environ)
        self.wait("pulling from")

    def done(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._out.read_text().splitlines()]

    def said(self) -> str:
        return self._err.read_text()

    def wait(self, text: str, times: int = 1) -> None:
        self._until(lambda: self.said().count(text) >= times, text)

    def wait_done(self, count: int) -> None:
        self._until(lambda: len(self.done()) >= count, f"{count} endings")

    def _until(self, reached: Any, what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not reached():
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < end, f"no {what}: {self.said()}"
            time.sleep(0.02)

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def running(project: str, folder: Path, subscription: str = SUBSCRIPTION) -> Iterator[Running]:
    subscriber = Running(project, folder, subscription)
    try:
        yield subscriber
    finally:
        subscriber.kill()


@pytest.fixture
def opened(project: str) -> Iterator[Topics]:
    create_pubsub(project)
    with topics(project) as connected:
        yield connected


def publish(
    opened: Topics, request_id: str, *, run: int = 1, sequence: int = 5, **also: str
) -> str:
    status = also.get("status", "completed")
    event = completed_event().model_copy(
        update={
            "type": f"track.{status}.v1",
            "event_id": f"{request_id}:{run}:{status}",
            "request_id": request_id,
            "run": run,
            "sequence": sequence,
            "status": status,
        }
    )
    opened.publish("track-events", encode(event), event_attributes(event, "generator"))
    return event.event_id


def left(project: str) -> list[str]:
    """What nobody has acknowledged: it comes again when the lease of 10 s has ended."""
    found: list[str] = []
    end = time.monotonic() + 12
    with SubscriberClient() as client, suppress(DeadlineExceeded):
        name = client.subscription_path(project, SUBSCRIPTION)
        while not found and (seconds := end - time.monotonic()) > 0:
            pulled = client.pull(subscription=name, max_messages=10, timeout=seconds, retry=None)
            found = [one.message.attributes["ce-id"] for one in pulled.received_messages]
    return found


def test_each_ending_is_worked_on_once(opened: Topics, tmp_path: Path) -> None:
    with running(opened.project, tmp_path) as subscriber:
        first = publish(opened, "a")
        subscriber.wait_done(1)
        newer = publish(opened, "b", run=2, sequence=9)
        subscriber.wait_done(2)
        publish(opened, "a")
        subscriber.wait(f"skipped {first}: duplicate")
        older = publish(opened, "b", run=1, sequence=4)
        subscriber.wait(f"skipped {older}: older")
        last = publish(opened, "c")
        subscriber.wait_done(3)
        assert subscriber.stop() == 0
        assert [one["event_id"] for one in subscriber.done()] == [first, newer, last]
        assert subscriber.done()[0] == {
            "event_id": "a:1:completed",
            "request_id": "a",
            "run": 1,
            "status": "completed",
            "files": ["gs://output/audio/r1.wav"],
        }
    # Another subscription, for the emulator may go on to give messages to a stream that has ended.
    with running(opened.project, tmp_path, "another") as again:
        publish(opened, "c")
        again.wait(f"skipped {last}: duplicate")
        assert again.stop() == 0
        assert len(again.done()) == 3


def test_it_makes_its_subscription_with_a_filter(opened: Topics, tmp_path: Path) -> None:
    with running(opened.project, tmp_path) as subscriber:
        assert subscriber.stop() == 0
    with SubscriberClient() as client:
        name = client.subscription_path(opened.project, SUBSCRIPTION)
        made = client.get_subscription(subscription=name)
    assert made.filter == 'attributes.status = "completed"'
    assert made.topic.endswith("/topics/track-events")


@pytest.mark.faults
def test_a_subscription_without_a_filter_does_no_harm(opened: Topics, tmp_path: Path) -> None:
    with SubscriberClient() as client:
        name = client.subscription_path(opened.project, SUBSCRIPTION)
        client.create_subscription(
            name=name, topic=f"projects/{opened.project}/topics/track-events"
        )
    with running(opened.project, tmp_path) as subscriber:
        assert "using the subscription" in subscriber.said()
        others = [publish(opened, "a", status=one) for one in ("failed", "cancelled", "expired")]
        wanted = publish(opened, "b")
        subscriber.wait_done(1)
        for other in others:
            subscriber.wait(f"skipped {other}: another status")
        assert subscriber.stop() == 0
        assert [one["event_id"] for one in subscriber.done()] == [wanted]
    assert left(opened.project) == []


def test_what_failed_comes_again(opened: Topics, tmp_path: Path) -> None:
    """The disk is full, then it is not: here, a file of state that nobody can write to."""
    with running(opened.project, tmp_path) as subscriber:
        other = sqlite3.connect(tmp_path / "endings.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        event = publish(opened, "a")
        subscriber.wait(f"failed {event}: OperationalError")
        assert subscriber.done() == []
        other.execute("ROLLBACK")
        other.close()
        subscriber.wait_done(1)
        assert subscriber.stop() == 0
        assert [one["event_id"] for one in subscriber.done()] == [event]
