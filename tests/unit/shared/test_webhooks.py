import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.messages import decode_event, encode
from shared.webhooks import (
    DELIVERIES,
    ENDPOINTS,
    LIVE_EVENTS,
    TERMINAL_EVENTS,
    Attempt,
    Delivery,
    Endpoint,
    State,
    due_event,
    endpoint_id,
    endpoint_url,
    webhook_id,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EVENT = "0b6b2d4e-0000-4000-8000-0123456789ab:1:completed"


def row(**changes: Any) -> Delivery:
    fields: dict[str, Any] = {
        "webhook_id": webhook_id(EVENT),
        "event_id": EVENT,
        "request_id": "r",
        "tenant": "acme",
        "type": "track.completed",
        "endpoint_id": "ep_x",
        "url": "https://h.example/",
        "body": b"\x00\xff{}",
        "created_at": NOW,
        "since": NOW,
    }
    return Delivery(**(fields | changes))


def test_webhook_ids_are_stable_unlike_and_signable() -> None:
    first, second = webhook_id(EVENT), webhook_id(EVENT.replace(":1:", ":2:"))
    assert first == webhook_id(EVENT) != second
    assert re.fullmatch(r"msg_[a-z2-7]{52}", first)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h.example", "https://h.example/"),
        ("https://h.example/", "https://h.example/"),
        ("https://h.example?key=secret", "https://h.example/"),
        ("https://h.example/a/b?key=secret", "https://h.example/a/b"),
        ("https://h.example/a/b/", "https://h.example/a/b/"),
        ("https://H.Example/A", "https://h.example/A"),
        ("HTTPS://h.example/", "https://h.example/"),
        ("https://h.example:443/", "https://h.example/"),
        ("https://h.example:8443/", "https://h.example:8443/"),
        ("http://h.example:443/", "http://h.example:443/"),
        ("http://h.example:80/", "http://h.example/"),
        ("https://[2001:DB8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000/"),
    ],
)
def test_an_endpoint_is_origin_and_path(url: str, expected: str) -> None:
    assert endpoint_url(url) == expected
    assert endpoint_url(expected) == expected


def test_endpoint_ids_tell_tenants_and_paths_apart_and_no_queries() -> None:
    known = endpoint_id("acme", "https://h.example/hook")
    assert re.fullmatch(r"ep_[a-z2-7]{52}", known)
    assert endpoint_id("acme", "https://h.example:443/hook?order=17") == known
    others = [
        endpoint_id("other", "https://h.example/hook"),
        endpoint_id("acme", "https://h.example/hook/"),
        endpoint_id("acme", "https://h.example:8443/hook"),
        endpoint_id("acme", "http://h.example/hook"),
    ]
    assert len({known, *others}) == 5


def test_by_default_who_asks_for_nothing_hears_of_endings() -> None:
    assert sorted(TERMINAL_EVENTS) == [
        *("track.cancelled", "track.completed", "track.expired", "track.failed"),
    ]
    assert sorted(LIVE_EVENTS) == ["track.progress", "track.queued", "track.running"]


def test_a_wake_up_names_the_delivery_and_is_a_valid_message() -> None:
    event = decode_event(encode(due_event(row(), NOW)))
    assert (event.type, event.event_id) == ("webhook.due.v1", webhook_id(EVENT))
    assert (event.tenant, event.request_id, event.occurred_at) == ("acme", "r", NOW)


def test_a_lease_is_live_until_it_ends() -> None:
    one = row(holder="me", lease_expires_at=NOW)
    assert one.live(NOW - timedelta(microseconds=1))
    assert not one.live(NOW)
    assert not replace(one, holder="").live(NOW - timedelta(days=1))
    assert not row(holder="me").live(NOW)


def test_retention_is_over_when_it_says_so() -> None:
    assert not row().expired(NOW)
    assert not row(expire_at=NOW + timedelta(microseconds=1)).expired(NOW)
    assert row(expire_at=NOW).expired(NOW)


def test_documents_come_back_as_they_were() -> None:
    attempt = Attempt(number=1, started_at=NOW, milliseconds=3, status=500, answer="ü\x00")
    one = row(attempts=(attempt,), redeliver_at=NOW, next_at=NOW, state=State.HELD)
    back = DELIVERIES.adapter.validate_python(DELIVERIES.adapter.dump_python(one))
    assert back == one
    assert isinstance(back.state, State)
    endpoint = Endpoint(
        endpoint_id="ep_x", tenant="acme", url="https://h.example/", created_at=NOW, wake_at=NOW
    )
    assert ENDPOINTS.adapter.validate_python(ENDPOINTS.adapter.dump_python(endpoint)) == endpoint
