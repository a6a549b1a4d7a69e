"""Messages that pass the topic's schema and still make no sense: kept, and in nobody's way."""

import json
import uuid
from typing import Any

import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from tests.support.rig import Rig
from tests.support.waiting import wait_for


def poison(topic: str) -> list[bytes]:
    """Valid Avro, refused by the message models."""
    stamp = "2026-01-02T03:04:05+00:00"
    request = {
        "prompt": "x", "negative_prompt": "", "style": "jazz", "tempo": "slow",
        "duration_seconds": 1, "seed": -1, "model": "lyria-002", "formats": ["wav"],
        "bit_depth": 16, "loudness_lufs": [], "loop": False, "priority": "batch",
        "metadata": {}, "callback_url": "", "callback_events": [],
    }  # fmt: skip
    base: dict[str, Any] = {
        "request_id": str(uuid.uuid4()),
        "tenant": "local",
        "run": 1,
        "sequence": 0,
    }
    if topic == "requests":
        good = {
            "type": "track.requested.v1", **base, "requested_at": stamp, "deadline": stamp,
            "request": request,
        }  # fmt: skip
        bad: list[dict[str, Any]] = [
            {"type": "track.requested.v2"}, {"request_id": ""}, {"run": 0}, {"deadline": "soon"},
            {"request": request | {"duration_seconds": 0}},
        ]  # fmt: skip
    else:
        good = {
            "type": "track.failed.v1", "event_id": "e", **base, "batch_id": "",
            "occurred_at": stamp, "status": "failed", "style": "jazz", "result": [], "error": [],
            "metadata": {},
        }  # fmt: skip
        error = {"code": "c", "message": "m", "cure": "c", "retryable": False}
        bad = [{"event_id": ""}, {"run": 0}, {"occurred_at": "never"}, {"error": [error, error]}]
    return [json.dumps(good | change).encode() for change in bad]


@pytest.mark.faults
@pytest.mark.timeout(400)
def test_poison_ends_in_the_dead_letters_with_its_bytes(rig: Rig) -> None:
    project = rig.info["project"]
    waiting: dict[str, set[bytes]] = {}
    publisher = PublisherClient()
    for topic in ("requests", "events"):
        waiting[topic] = set(poison(topic))
        path = publisher.topic_path(project, rig.info["topics"][topic])
        for data in waiting[topic]:
            publisher.publish(path, data).result(timeout=10)
    publisher.stop()
    publisher.transport.close()

    sent = rig.submit()
    assert rig.ended(sent.id)["status"] == "completed"
    rig.hooked(sent)

    with SubscriberClient() as client:
        for topic, expected in waiting.items():
            name = client.subscription_path(project, f"{rig.info['topics'][topic]}-dead-sub")
            assert dead_letters(client, name, len(expected)) == expected


def dead_letters(client: SubscriberClient, name: str, count: int) -> set[bytes]:
    kept: set[bytes] = set()

    def enough() -> bool:
        try:
            pulled = client.pull(subscription=name, max_messages=50, timeout=10, retry=None)
        except DeadlineExceeded:  # the emulator's word for an empty subscription
            return False
        for received in pulled.received_messages:
            assert received.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "10"
            kept.add(received.message.data)
        return len(kept) >= count

    wait_for(enough, 250)
    return kept
