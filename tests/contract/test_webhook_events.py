"""The list of events: a poller that follows its cursor misses nothing."""

import base64
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from services.ingest.edge.cursors import START, Cursor
from shared.gcp.firestore import FirestoreStore
from shared.ports import Create
from shared.track import TRACKS
from shared.webhooks import DELIVERIES
from tests.support.api import BASE, Api, api, refused
from tests.support.deliveries import OLD, age, attempts, change_row, delivery, row_of
from tests.support.emulation import Emulators

PATH = "/v1/webhooks/events"
ID = "msg_" + "a" * 52
HELD_BACK = 15.0
"""Seconds, as the API promises."""
MANY = 250


@pytest.fixture
def fresh(emulators: Emulators, storage_url: str) -> Iterator[Api]:
    """Ingest without any events; its clock is known."""
    with api(storage_url) as made:
        made.store.get(TRACKS, "x")
        yield made


def record(store: FirestoreStore, tenant: str = "local", **fields: Any) -> str:
    """One event more, recorded now."""
    row = delivery(tenant, at=store.clock.now(), **fields)
    store.commit(Create(DELIVERIES, row.webhook_id, row))
    return row.webhook_id


def record_old(store: FirestoreStore, seconds: float, tenant: str = "local", **kw: Any) -> str:
    """One event, recorded so many seconds before the oldest that is held back."""
    webhook = record(store, tenant, **kw)
    age(store, webhook, store.clock.now() - OLD - timedelta(seconds=seconds))
    return webhook


def page(public_api: Api, query: str = "") -> dict[str, Any]:
    answer = public_api.app.test_client().get(PATH + query)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def ids(told: dict[str, Any]) -> list[str]:
    return [event["webhook_id"] for event in told["events"]]


def test_an_event_says_what_was_sent_and_how_it_went(fresh: Api) -> None:
    webhook = record_old(fresh.store, 0)
    change_row(fresh.store, webhook, attempts=attempts(3, fresh.store.clock.now()))
    row = row_of(fresh.store, webhook)
    assert row.recorded_at is not None
    told = page(fresh)
    own = f"{BASE}{PATH}/{webhook}"
    assert told["events"] == [
        {
            "webhook_id": webhook,
            "type": "track.failed",
            "timestamp": "2030-01-01T00:00:00Z",
            "recorded_at": row.recorded_at.isoformat(),
            "data": {"run": 1},
            "state": "pending",
            "attempt_count": 3,
            "last_status": 500,
            "links": {
                "self": own,
                "redeliver": f"{own}/redeliver",
                "track": f"{BASE}/v1/tracks/{row.request_id}",
            },
        }
    ]
    assert told["has_more"] is False
    assert told["links"] == {
        "self": f"{BASE}{PATH}?after={START.text()}&limit=50",
        "next": f"{BASE}{PATH}?after={told['next']}&limit=50",
    }


def test_there_is_always_a_cursor_to_go_on_from(fresh: Api) -> None:
    nothing = page(fresh)
    assert (nothing["events"], nothing["has_more"]) == ([], False)
    assert page(fresh, f"?after={nothing['next']}") == nothing
    webhook = record_old(fresh.store, 0)
    one = page(fresh, f"?after={nothing['next']}")
    assert ids(one) == [webhook]
    end = page(fresh, f"?after={one['next']}")
    assert (end["events"], end["next"]) == ([], one["next"])


def test_only_the_tenants_own_events_that_are_no_tests_and_not_expired(fresh: Api) -> None:
    now = fresh.store.clock.now()
    record_old(fresh.store, 4, "other")
    record_old(fresh.store, 3, once=True)
    record_old(fresh.store, 2, expire_at=now)
    mine = record_old(fresh.store, 1, expire_at=now + OLD)
    told = page(fresh)
    assert ids(told) == [mine]
    past = record_old(fresh.store, 0, expire_at=now)
    end = page(fresh, f"?after={told['next']}")
    assert (end["events"], end["has_more"]) == ([], False)
    assert end["next"] == Cursor(*_place(fresh, past)).text()


def _place(fresh: Api, webhook: str) -> tuple[Any, str]:
    recorded_at = row_of(fresh.store, webhook).recorded_at
    assert recorded_at
    return recorded_at, webhook


def test_events_of_one_moment_are_told_apart(fresh: Api) -> None:
    """With a limit of 1, each page goes on right behind the one before."""
    at = fresh.store.clock.now() - OLD
    rows = sorted(record(fresh.store) for _ in range(4))
    for webhook in rows:
        age(fresh.store, webhook, at)
    found, query = [], "?limit=1"
    for number in range(4):
        told = page(fresh, query)
        assert told["has_more"] == (number < 3)
        found += ids(told)
        query = f"?limit=1&after={told['next']}"
    assert found == rows


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "....",
        "%00",
        "%F0%9F%8E%B5",
        "a" * 5000,
        START.text() + "=",
        START.text()[:-1],
        *(
            base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
            for text in (
                *("0.", f".{ID}", f"-1.{ID}", f"1e9.{ID}", f"01.{ID}", f"99999999999999999.{ID}"),
                *(f"1.{ID}\n", f"1.{ID}.y", f"\u0661.{ID}", "1.__x__", "1.x/y", f"1.{ID}a"),
            )
        ),
    ],
)
def test_a_cursor_of_nobody_is_refused(fresh: Api, cursor: str) -> None:
    told = refused(fresh.client.get(f"{PATH}?after={cursor}"), 400, "invalid_field")
    assert (told["field"], bool(told["cure"])) == ("after", True)


def test_a_cursor_of_another_list_is_refused(fresh: Api) -> None:
    other = base64.urlsafe_b64encode(f"1.ep_{ID[4:]}".encode()).decode().rstrip("=")
    assert refused(fresh.client.get(f"{PATH}?after={other}"), 400, "invalid_field")["cure"]
    assert fresh.client.get(f"/v1/webhooks/endpoints?after={other}").status_code == 200


@pytest.mark.parametrize("text", ["0.0", f"9999999999999999.{ID}"])
def test_a_cursor_that_can_be_read_does_no_harm(fresh: Api, text: str) -> None:
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    assert page(fresh, f"?after={cursor}")["next"] == cursor


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"?limit={limit}", "limit") for limit in ("0", "101", "-1", "1.5", "", "x", "1000")),
        ("?cursor=x", "cursor"),
        (f"?after={START.text()}&state=exhausted", "state"),
    ],
)
def test_a_query_that_is_none_is_refused(fresh: Api, query: str, field: str) -> None:
    for path in (PATH, "/v1/webhooks/endpoints"):
        told = refused(fresh.client.get(path + query), 400, "invalid_field")
        assert (told["field"], bool(told["cure"])) == (field, True)


def test_what_is_young_is_held_back(fresh: Api) -> None:
    old = record_old(fresh.store, 0)
    now = fresh.store.clock.now()
    almost, just = record(fresh.store), record(fresh.store)
    age(fresh.store, almost, now - timedelta(seconds=HELD_BACK - 2))
    age(fresh.store, just, now - timedelta(seconds=HELD_BACK))
    told = page(fresh)
    assert (ids(told), told["has_more"]) == ([old, just], False)


@pytest.mark.faults
def test_pages_over_many_with_more_on_the_way(fresh: Api) -> None:
    """Events are recorded, some of them late, while a poller follows its cursor."""
    rows = [record_old(fresh.store, MANY - number) for number in range(MANY)]
    late: list[str] = []
    begun = time.monotonic()
    writer = threading.Thread(target=_record_late, args=(fresh.project, late, begun + 4))
    writer.start()
    found: list[str] = []
    more: list[bool] = []
    query = "?limit=100"
    while time.monotonic() < begun + 4 + HELD_BACK + 1:
        told = page(fresh, query)
        found += ids(told)
        more.append(told["has_more"])
        query = f"?limit=100&after={told['next']}"
        time.sleep(0 if more[-1] else 0.2)
    writer.join()
    assert more[:3] == [True, True, False]
    assert len(late) > 20
    assert found[:MANY] == rows
    assert found[MANY:] == late


def _record_late(project: str, late: list[str], until: float) -> None:
    """Rows whose maker was held up for up to a minute between making and committing them."""
    store = FirestoreStore(project)
    store.get(TRACKS, "x")
    while time.monotonic() < until:
        at = store.clock.now() - timedelta(seconds=len(late) % 7 * 10)
        row = delivery("local", at=at)
        store.commit(Create(DELIVERIES, row.webhook_id, row))
        late.append(row.webhook_id)
        time.sleep(0.05)
    store.close()
