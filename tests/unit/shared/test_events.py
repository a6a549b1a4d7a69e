import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Malformed
from shared.events import Delivery, decode_delivery
from tests.support.malformed import MALFORMED
from tests.support.pushes import SUBSCRIPTION, envelope, eventarc, raw

SENT_AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


def test_eventarc_event() -> None:
    delivery = decode_delivery(*eventarc(envelope(b"\x00\xff"), ce_id="event-1"))

    assert delivery == Delivery(
        id="event-1",
        time=SENT_AT,
        source="//pubsub.googleapis.com/projects/motif-local/topics/track-requests",
        data=b"\x00\xff",
        attributes={"tenant": "local"},
        message_id="8",
        attempt=3,
        subscription=SUBSCRIPTION,
    )


def test_raw_push_differs_only_in_its_source() -> None:
    headers, body = raw(envelope())
    event_headers, _ = eventarc(envelope())

    pushed = decode_delivery(headers, body)

    assert pushed.source == f"//pubsub.googleapis.com/{SUBSCRIPTION}"
    assert (pushed.id, pushed.time) == ("8", SENT_AT)
    assert pushed.data == decode_delivery(event_headers, body).data


def test_event_built_by_the_sdk() -> None:
    attributes = {
        "id": "ä 1%",
        "source": "//x",
        "type": "google.cloud.pubsub.topic.v1.messagePublished",
        "time": SENT_AT,
        "datacontenttype": "application/json",
    }
    sent = to_binary_event(CloudEvent(attributes, envelope()))

    delivery = decode_delivery(sent.headers, sent.body)

    assert (delivery.id, delivery.time, delivery.data) == ("ä 1%", SENT_AT, b'{"a":1}')


def test_id_and_time_fall_back_to_the_message() -> None:
    delivery = decode_delivery(*eventarc(envelope(), ce_id=None, ce_time=None))

    assert (delivery.id, delivery.time) == ("8", SENT_AT)


@pytest.mark.parametrize(
    "message",
    [
        {"messageId": ..., "publishTime": ...},
        {"message_id": ..., "publish_time": ...},
        {"messageId": None, "publishTime": None},
    ],
)
def test_either_spelling_will_do(message: dict[str, Any]) -> None:
    delivery = decode_delivery(*raw(envelope(**message)))

    assert (delivery.message_id, delivery.time) == ("8", SENT_AT)


def test_what_may_be_missing() -> None:
    body = {"message": {"messageId": "8", "publishTime": "2026-01-02T03:04:05.678901234+01:00"}}

    delivery = decode_delivery(*raw(body))

    assert (delivery.data, delivery.attributes, delivery.attempt) == (b"", {}, 0)
    assert delivery.time == datetime(2026, 1, 2, 2, 4, 5, 678_901, UTC)
    assert delivery.time.tzinfo is UTC


def test_attributes_are_frozen() -> None:
    delivery = decode_delivery(*raw(envelope()))

    with pytest.raises(TypeError):
        delivery.attributes["tenant"] = "other"  # type: ignore[index]  # the point


@pytest.mark.parametrize(
    ("headers", "body"), [m[1:] for m in MALFORMED], ids=[m[0] for m in MALFORMED]
)
def test_malformed(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        decode_delivery(headers, body)

    assert caught.value.code == "malformed_event"
    assert str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
# One field of a good request replaced by anything reaches deeper than noise does.
fields = st.sampled_from(["messageId", "publishTime", "data", "attributes", "message_id"])
header_names = st.sampled_from(
    ["ce_id", "ce_type", "ce_source", "ce_time", "ce_specversion", "ce_subject", "ce_x"]
)


def decode_or_refuse(headers: dict[str, str], body: bytes) -> None:
    try:
        delivery = decode_delivery(headers, body)
    except Malformed:
        return
    assert delivery.id
    assert delivery.time.tzinfo is UTC
    assert json.dumps(dict(delivery.attributes)).encode()


@given(
    st.dictionaries(st.text(), st.text()), st.binary() | json_values.map(json.dumps).map(str.encode)
)
def test_noise_is_refused_or_understood(headers: dict[str, str], body: bytes) -> None:
    decode_or_refuse(headers, body)


@given(fields, json_values)
def test_any_field_may_hold_anything(field: str, value: Any) -> None:
    decode_or_refuse(*raw(envelope(**{field: value})))


@given(header_names, st.text() | st.none())
def test_any_header_may_hold_anything(name: str, value: str | None) -> None:
    decode_or_refuse(*eventarc(envelope(), **{name: value}))
