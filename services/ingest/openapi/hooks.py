"""The ``webhooks`` section: what is sent to a callback URL, and what its answer means."""

import json
from collections.abc import Mapping
from typing import Any, Final

from services.ingest.openapi.examples import NOW, TENANT
from services.ingest.openapi.operations import JSON
from services.ingest.webhooks import samples
from shared import webhook_body
from shared.messages import LIVE_TYPES, TrackEvent
from shared.webhooks import LIVE_EVENTS, TERMINAL_EVENTS, TEST_EVENT, webhook_id

_HEADERS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "webhook-id": (
        "Of the event: the same on each attempt; dedupe on it.",
        {"type": "string", "pattern": "^msg_[a-z2-7]{52}$"},
    ),
    "webhook-timestamp": (
        "Of this attempt, in seconds since 1970; refuse what is older than five minutes.",
        {"type": "string", "pattern": "^[0-9]+$"},
    ),
    "webhook-signature": (
        "An entry for each live secret, by blanks: `v1,` or `v1a,` and base64; one must be good.",
        {"type": "string"},
    ),
}
_ANSWERS: Final = {
    "2XX": "Received. Anything else, a redirect too, or nothing within 15 s, is tried again.",
    "410": "Gone: the endpoint is disabled.",
}
_ONCE: Final = "Best effort: tried once, and only where `callback_events` asks for it."
_ENDING: Final = "Sent until it is received, at ten times within three days or so."
_RUNNING: Final = {"stage": "generating", "progress": 0.4}


def hooks(base: str) -> dict[str, Any]:
    """One entry for each type of event; *base*: URL that links begin with."""
    kinds = {
        **dict.fromkeys(TERMINAL_EVENTS, _ENDING),
        **dict.fromkeys(LIVE_EVENTS, _ONCE),
        TEST_EVENT: "What `POST /v1/webhooks/test` has sent, once.",
    }
    return {kind: {"post": _hook(kind, about, base)} for kind, about in kinds.items()}


def _hook(kind: str, about: str, base: str) -> dict[str, Any]:
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Webhook"},
            {"type": "object", "properties": {"type": {"const": kind}}},
        ]
    }
    payload = json.loads(webhook_body.make(_event(kind), base))
    content = {"schema": schema, "examples": {kind: {"value": payload}}}
    return {
        "operationId": "on" + "".join(word.capitalize() for word in kind.split(".")),
        "tags": ["Webhooks"],
        "summary": kind,
        "description": about,
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": says, "schema": shape}
            for name, (says, shape) in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {JSON: content}},
        "responses": {status: {"description": says} for status, says in _ANSWERS.items()},
    }


def _event(kind: str) -> TrackEvent:
    """One such event, told of a track that never was."""
    live = {name.removesuffix(".v1"): name for name in LIVE_TYPES.values()}
    if kind not in live:
        return samples.sample(kind, webhook_id(kind), TENANT, NOW)
    event = samples.sample(TEST_EVENT, webhook_id(kind), TENANT, NOW)
    status = "queued" if kind == "track.queued" else "running"
    at = _RUNNING if kind == "track.progress" else {}
    return event.model_copy(update={"type": live[kind], "status": status, **at})
