"""Messages that pass their topic's schema and still make no sense."""

import json
import uuid
from typing import Any

from google.cloud.pubsub_v1 import PublisherClient

from tests.support.rig import Rig


def poison(topic: str) -> list[bytes]:
    """Valid Avro, refused by the message models."""
    stamp = "2026-01-02T03:04:05+00:00"
    request = {
        "image_id": "", "prompt": "x", "negative_prompt": "", "style": "jazz", "tempo": "slow",
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
            "occurred_at": stamp, "status": "failed", "stage": "", "progress": 0.0,
            "style": "jazz", "result": [], "error": [], "metadata": {},
        }  # fmt: skip
        error = {"code": "c", "message": "m", "cure": "c", "retryable": False}
        bad = [{"event_id": ""}, {"run": 0}, {"occurred_at": "never"}, {"error": [error, error]}]
    return [json.dumps(good | change).encode() for change in bad]


def publish_poison(rig: Rig) -> dict[str, set[bytes]]:
    """Put all of it on the topics; return what was sent, by topic."""
    sent = {topic: set(poison(topic)) for topic in ("requests", "events")}
    publisher = PublisherClient()
    for topic, messages in sent.items():
        path = publisher.topic_path(rig.info["project"], rig.info["topics"][topic])
        for data in messages:
            publisher.publish(path, data).result(timeout=10)
    publisher.stop()
    publisher.transport.close()
    return sent
