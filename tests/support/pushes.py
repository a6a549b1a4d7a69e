"""Push requests as Google sends them: (headers, body)."""

import base64
import json
from typing import Any

SUBSCRIPTION = "projects/motif-local/subscriptions/eventarc-track-requests"
Push = tuple[dict[str, str], bytes]


def envelope(payload: bytes = b'{"a":1}', /, **message: Any) -> dict[str, Any]:
    """The JSON of a ``MessagePublishedData``, both spellings of id and time as in practice."""
    fields = {
        "data": base64.b64encode(payload).decode(),
        "attributes": {"tenant": "local"},
        "messageId": "8",
        "message_id": "8",
        "publishTime": "2026-01-02T03:04:05.678Z",
        "publish_time": "2026-01-02T03:04:05.678Z",
    }
    return {
        "message": {k: v for k, v in (fields | message).items() if v is not ...},
        "subscription": SUBSCRIPTION,
        "deliveryAttempt": 3,
    }


def raw(body: object) -> Push:
    """A plain Pub/Sub push."""
    return {"Content-Type": "application/json"}, json.dumps(body).encode()


def eventarc(body: object, **headers: str | None) -> Push:
    """An Eventarc push in binary mode; a header (``ce_id="x"``) set to None is left out."""
    sent = {
        "content_type": "application/json; charset=utf-8",
        "ce_id": "8",
        "ce_source": "//pubsub.googleapis.com/projects/motif-local/topics/track-requests",
        "ce_specversion": "1.0",
        "ce_type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce_time": "2026-01-02T03:04:05.678Z",
    } | headers
    named = {k.replace("_", "-").title(): v for k, v in sent.items() if v is not None}
    return named, json.dumps(body).encode()
