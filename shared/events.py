"""HTTP request -> Delivery: Eventarc's CloudEvents and raw Pub/Sub push, read by one decoder.

Sources: CloudEvents 1.0.2, HTTP binding, binary mode (the ``ce-`` headers); the proto
``google.events.cloud.pubsub.v1.MessagePublishedData`` as JSON (the body, also of a raw push).
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from shared.errors import Malformed

MESSAGE_PUBLISHED: Final = "google.cloud.pubsub.topic.v1.messagePublished"
MAX_EVENT_BYTES: Final = 1_000_000
"""Eventarc carries at most 512 KB; the rest is slack."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as Pub/Sub delivered it, whatever shape the request had.

    ``id`` and ``time`` (UTC) are the event's, ``message_id`` is Pub/Sub's ("" when the request
    did not tell); none of them identifies a job. ``attempt`` counts from 1, 0 is unknown.
    """

    id: str
    time: datetime
    source: str
    data: bytes
    attributes: Mapping[str, str]
    message_id: str
    attempt: int
    subscription: str


def decode_delivery(headers: Mapping[str, str], body: bytes) -> Delivery:
    """Read one pushed Pub/Sub message; header names in any case, *body* is UTF-8 JSON.

    Raises:
        Malformed: it is none, or has no id or no time: nothing is invented.
    """
    envelope = _envelope(body)
    lowered = {name.lower(): value for name, value in headers.items()}
    try:
        if any(name.startswith("ce-") for name in lowered):
            return _from_event(lowered, envelope)
        return _delivery(envelope, event_id="", time=None, source="")
    except (ValueError, OverflowError) as exc:  # dates at the calendar's ends overflow
        raise Malformed(f"no delivery: {exc}") from None


def _envelope(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_EVENT_BYTES:
        raise Malformed(f"the event has more than {MAX_EVENT_BYTES} bytes")
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None
    if not isinstance(envelope, dict):
        raise Malformed("the body is not a JSON object")
    return envelope


def _event(headers: dict[str, str]) -> BaseCloudEvent:
    # The SDK fills in a missing version, and reads a body that is no JSON as text without a
    # word: the version is looked at here, and the body is not given to it.
    if headers.get("ce-specversion") != "1.0":
        raise Malformed("ce-specversion is not 1.0")
    try:
        event = from_binary(HTTPMessage(headers, b""), JSONFormat(), CloudEvent)
    except BaseCloudEventException as exc:
        names = ", ".join(getattr(exc, "errors", ()))
        raise Malformed(f"the ce- headers are no CloudEvent: {names}") from None
    if event.get_type() != MESSAGE_PUBLISHED:
        raise Malformed("ce-type is not that of a published message")
    return event


def _from_event(headers: dict[str, str], envelope: dict[str, Any]) -> Delivery:
    event = _event(headers)
    # A missing id or time is invented by the SDK as well, and would defeat deduplication.
    return _delivery(
        envelope,
        event_id=event.get_id() if "ce-id" in headers else "",
        time=event.get_time() if "ce-time" in headers else None,
        source=event.get_source(),
    )


def _delivery(
    envelope: dict[str, Any], *, event_id: str, time: datetime | None, source: str
) -> Delivery:
    message = envelope.get("message")
    if not isinstance(message, dict):
        raise Malformed("the body holds no message")
    message_id = _text(message, "messageId", "message_id")
    subscription = _text(envelope, "subscription")
    if not (event_id or message_id):
        raise Malformed("neither ce-id nor messageId")
    return Delivery(
        id=event_id or message_id,
        time=(time or _publish_time(message)).astimezone(UTC),
        source=source or f"//pubsub.googleapis.com/{subscription}",
        data=base64.b64decode(_text(message, "data"), validate=True),
        attributes=_attributes(message),
        message_id=message_id,
        attempt=_attempt(envelope),
        subscription=subscription,
    )


def _text(fields: dict[str, Any], *names: str) -> str:
    """The first of *names* that is there; proto JSON takes null for the default."""
    value = next((fields[name] for name in names if fields.get(name) is not None), "")
    if not isinstance(value, str):
        raise Malformed(f"{names[0]} is not a string")
    value.encode()  # a lone surrogate is a ValueError here, and not in somebody's store
    return value


def _publish_time(message: dict[str, Any]) -> datetime:
    text = _text(message, "publishTime", "publish_time")
    if not text:
        raise Malformed("neither ce-time nor publishTime")
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise Malformed("publishTime has no offset")
    return time


def _attributes(message: dict[str, Any]) -> Mapping[str, str]:
    attributes = message.get("attributes")
    if attributes is None:
        attributes = {}
    if not isinstance(attributes, dict):
        raise Malformed("attributes is not an object")
    for name in attributes:
        name.encode()
        if attributes[name] is None:
            raise Malformed("an attribute is null")
    return MappingProxyType({name: _text(attributes, name) for name in attributes})


def _attempt(envelope: dict[str, Any]) -> int:
    attempt = envelope.get("deliveryAttempt")
    if attempt is None:
        return 0
    if type(attempt) is not int or attempt < 0:
        raise Malformed("deliveryAttempt is not a count")
    return attempt
