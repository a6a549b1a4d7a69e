"""A Pub/Sub message, and the HTTP request that carries it.

Headers and body follow captured Eventarc requests and the JSON form of the proto
``google.events.cloud.pubsub.v1.MessagePublishedData``, which keeps both spellings of id and time.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_COMMON: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate, br",
    "From": "noreply@google.com",
}
_EVENTARC_AGENT: Final = "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"
_PUSH_AGENT: Final = "CloudPubSub-Google"


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was pulled; ``published`` is RFC 3339 in UTC."""

    id: str
    published: str
    data: bytes
    attributes: Mapping[str, str]
    ordering_key: str = ""

    @property
    def request_id(self) -> str:
        """The track it is about: attribute ``ce-subject``, else ``request_id`` of the data."""
        if "ce-subject" in self.attributes:
            return self.attributes["ce-subject"]
        try:
            content = json.loads(self.data)
        except ValueError:
            return ""
        return str(content.get("request_id", "")) if isinstance(content, dict) else ""


def eventarc_headers(message: Message, topic: str) -> dict[str, str]:
    """Headers of a binary-mode CloudEvent; *topic* is ``projects/P/topics/T``."""
    return {
        **_COMMON,
        "User-Agent": _EVENTARC_AGENT,
        "ce-id": message.id,
        "ce-source": f"//pubsub.googleapis.com/{topic}",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce-time": message.published,
    }


def push_headers() -> dict[str, str]:
    """Headers of a push subscription without Eventarc."""
    return {**_COMMON, "User-Agent": _PUSH_AGENT}


def body(message: Message, subscription: str, attempt: int) -> bytes:
    """The wrapped message; *subscription* is ``projects/P/subscriptions/S``."""
    wrapped: dict[str, Any] = {
        "messageId": message.id,
        "message_id": message.id,
        "publishTime": message.published,
        "publish_time": message.published,
    }
    optional = {
        "data": base64.b64encode(message.data).decode(),
        "attributes": dict(message.attributes),
        "orderingKey": message.ordering_key,
    }
    wrapped |= {name: value for name, value in optional.items() if value}
    envelope = {"message": wrapped, "subscription": subscription, "deliveryAttempt": attempt}
    return json.dumps(envelope).encode()
