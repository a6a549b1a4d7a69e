"""What a tenant sees of its webhooks: state, redelivery, tests, endpoints."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.ingest.webhooks.use_cases import Webhooks
from shared.errors import CommitUnclear
from shared.gcp.firestore import FirestoreStore
from shared.messages import decode_event
from shared.ports import Create
from shared.webhooks import (
    DELIVERIES,
    ENDPOINTS,
    MAX_ATTEMPTS,
    WEBHOOK_DUE,
    Delivery,
    Endpoint,
    State,
    endpoint_id,
)
from tests.support.api import BASE, Api, api, failed, refused
from tests.support.deliveries import (
    URL,
    attempts,
    change_row,
    recorded,
    row_of,
)
from tests.support.emulation import Emulators
from tests.support.tracks import Outbox

PROGRESS = "eventarc-track-progress"
NOWHERE = "00000000-0000-4000-8000-000000000000"
NO_WEBHOOK = "msg_" + "a" * 52
NO_ENDPOINT = "ep_" + "a" * 52
DAY = timedelta(days=1)


def hooked(public_api: Api, **changes: Any) -> str:
    return public_api.accepted(callback_url=URL, **changes)


def shown(answer: TestResponse, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    return dict(answer.get_json())


def path_of(request_id: str) -> str:
    return f"/v1/tracks/{request_id}/webhook"


def moment(public_api: Api) -> datetime:
    """The store's time."""
    return public_api.document("x").read_at


def due(public_api: Api, webhook: str) -> None:
    """The notifier has been told that this one is due."""
    told = [decode_event(message.data) for message in public_api.topics.pull(PROGRESS)]
    assert (WEBHOOK_DUE, webhook) in [(event.type, event.event_id) for event in told]


def endpoint(public_api: Api, url: str = URL, tenant: str = "local", **fields: Any) -> Endpoint:
    """A receiver that something was sent to; it may be there already."""
    found = Endpoint(
        endpoint_id=endpoint_id(tenant, url),
        tenant=tenant,
        url=url.partition("?")[0],
        created_at=moment(public_api),
        **fields,
    )
    public_api.store.commit(Create(ENDPOINTS, found.endpoint_id, found))
    return found


def test_a_track_without_callback_has_no_webhook(public_api: Api) -> None:
    request_id = public_api.accepted()
    for method, path in (("GET", ""), ("POST", "/redeliver")):
        answer = public_api.client.open(path_of(request_id) + path, method=method)
        assert "callback_url" in refused(answer, 404, "no_webhook")["cure"]
    links = public_api.state(request_id)["links"]
    assert links.keys().isdisjoint({"webhook", "redeliver"})


def test_a_webhook_waits_for_the_ending(public_api: Api) -> None:
    request_id = hooked(public_api)
    links = public_api.state(request_id)["links"]
    assert links["webhook"] == BASE + path_of(request_id)
    assert links["redeliver"] == f"{BASE}{path_of(request_id)}/redeliver"
    waiting = shown(public_api.client.get(path_of(request_id)))
    assert waiting["endpoint"] == {
        "id": endpoint_id("local", URL),
        "url": "https://hooks.example/in",
        "state": "enabled",
        "disabled_at": None,
        "reason": None,
    }
    assert waiting["links"] == {
        "self": links["webhook"],
        "redeliver": links["redeliver"],
        "track": links["self"],
    }
    assert {name: waiting[name] for name in waiting if name not in ("endpoint", "links")} == {
        "webhook_id": None,
        "type": None,
        "state": "waiting",
        "next_attempt_at": None,
        "redelivery_requested_at": None,
        "attempts": [],
    }
    public_api.end(request_id, failed())
    waiting = shown(public_api.client.get(path_of(request_id)))
    assert (waiting["state"], waiting["type"]) == ("waiting", "track.failed")
    refused(public_api.client.post(path_of(request_id) + "/redeliver"), 409, "nothing_to_redeliver")


def test_every_attempt_is_told_with_its_answer(public_api: Api) -> None:
    request_id = hooked(public_api)
    now = moment(public_api)
    one, two = attempts(2, now)
    made = (one, replace(two, status=0, code="timeout", answer="", redelivery=True))
    row = recorded(public_api, request_id, attempts=made, failed=2, next_at=now + DAY)
    told = shown(public_api.client.get(path_of(request_id)))
    assert (told["webhook_id"], told["type"], told["state"]) == (
        *(row.webhook_id, "track.failed", "pending"),
    )
    assert told["next_attempt_at"] == (now + DAY).isoformat()
    started = now.isoformat()
    assert told["attempts"] == [
        {
            "number": 1,
            "started_at": started,
            "milliseconds": 12,
            "status": 500,
            "code": None,
            "redelivery": False,
            "answer": "no",
        },
        {
            "number": 2,
            "started_at": started,
            "milliseconds": 12,
            "status": None,
            "code": "timeout",
            "redelivery": True,
            "answer": None,
        },
    ]
    by_id = public_api.client.get(told["links"]["event"].removeprefix(BASE))
    event = shown(by_id)
    same = {"webhook_id", "type", "state", "next_attempt_at", "attempts", "endpoint"}
    assert {name: event[name] for name in same} == {name: told[name] for name in same}
    assert (event["attempt_count"], event["last_status"]) == (2, None)
    assert event["data"]["request_id"] == request_id
    assert event["links"]["track"] == told["links"]["track"]
    block = public_api.state(request_id)["webhook"]
    assert [a["status"] for a in block["attempts"]] == [500, None]
    assert "answer" not in block["attempts"][0]
    for answer in (by_id, public_api.client.get(path_of(request_id))):
        assert "secret" not in answer.text


def test_an_ending_that_was_not_asked_for_is_skipped(public_api: Api) -> None:
    request_id = hooked(public_api, callback_events=["track.completed", "track.progress"])
    public_api.end(request_id, failed())
    assert shown(public_api.client.get(path_of(request_id)))["state"] == "skipped"
    assert public_api.state(request_id)["webhook"]["state"] == "skipped"
    answer = public_api.client.post(path_of(request_id) + "/redeliver")
    assert "callback_events" in refused(answer, 409, "nothing_to_redeliver")["detail"]


def test_what_is_past_its_retention_is_gone(public_api: Api) -> None:
    request_id = hooked(public_api)
    row = recorded(public_api, request_id)
    change_row(public_api.store, row.webhook_id, expire_at=moment(public_api))
    event = f"/v1/webhooks/events/{row.webhook_id}"
    for path in (path_of(request_id), event):
        refused(public_api.client.get(path), 404, "no_such_webhook")
        refused(public_api.client.post(f"{path}/redeliver"), 404, "no_such_webhook")
    assert public_api.state(request_id)["webhook"]["state"] == "expired"
    assert row_of(public_api.store, row.webhook_id).redeliver_at is None


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("by", ["track", "event"])
def test_a_redelivery_is_a_wish_in_every_state(public_api: Api, state: State, by: str) -> None:
    request_id = hooked(public_api)
    row = recorded(public_api, request_id)
    far = moment(public_api) + DAY
    change_row(public_api.store, row.webhook_id, state=state, next_at=far, wake_at=far)
    own = path_of(request_id) if by == "track" else f"/v1/webhooks/events/{row.webhook_id}"
    told = shown(public_api.client.post(f"{own}/redeliver"), 202)
    assert (told["state"], told["webhook_id"]) == (state, row.webhook_id)
    after = row_of(public_api.store, row.webhook_id)
    assert after.redeliver_at is not None
    assert told["redelivery_requested_at"] == after.redeliver_at.isoformat()
    assert after.wake_at == after.redeliver_at
    assert (after.state, after.next_at, after.body) == (state, far, row.body)
    due(public_api, row.webhook_id)
    assert shown(public_api.client.get(own)) == told
    again = shown(public_api.client.post(f"{own}/redeliver"), 202)
    assert again == told
    assert row_of(public_api.store, row.webhook_id) == after
    due(public_api, row.webhook_id)


def test_a_disabled_endpoint_hinders_no_redelivery(public_api: Api) -> None:
    url = "https://hooks.example/gone?token=secret"
    request_id = public_api.accepted(callback_url=url)
    row = recorded(public_api, request_id, state=State.HELD)
    now = moment(public_api)
    endpoint(public_api, url, disabled_at=now, reason="gone")
    told = shown(public_api.client.post(path_of(request_id) + "/redeliver"), 202)
    assert told["endpoint"] == {
        "id": row.endpoint_id,
        "url": "https://hooks.example/gone",
        "state": "disabled",
        "disabled_at": now.isoformat(),
        "reason": "gone",
    }
    link = told["links"]["endpoint"].removeprefix(BASE)
    assert shown(public_api.client.get(link))["id"] == row.endpoint_id


def test_nothing_is_redelivered_while_an_attempt_is_made(public_api: Api) -> None:
    request_id = hooked(public_api)
    row = recorded(public_api, request_id)
    now = moment(public_api)
    lease = {"holder": "x", "lease_expires_at": now + DAY}
    change_row(public_api.store, row.webhook_id, **lease)
    for path in (path_of(request_id), f"/v1/webhooks/events/{row.webhook_id}"):
        answer = public_api.client.post(f"{path}/redeliver")
        assert refused(answer, 409, "attempt_in_flight")["cure"]
    assert row_of(public_api.store, row.webhook_id).redeliver_at is None
    change_row(public_api.store, row.webhook_id, lease_expires_at=now)
    shown(public_api.client.post(path_of(request_id) + "/redeliver"), 202)


def test_attempts_have_an_end(public_api: Api) -> None:
    request_id = hooked(public_api)
    row = recorded(public_api, request_id)
    now = moment(public_api)
    path = path_of(request_id) + "/redeliver"
    change_row(public_api.store, row.webhook_id, attempts=attempts(MAX_ATTEMPTS, now))
    refused(public_api.client.post(path), 409, "too_many_attempts")
    assert row_of(public_api.store, row.webhook_id).redeliver_at is None
    change_row(public_api.store, row.webhook_id, attempts=attempts(MAX_ATTEMPTS - 1, now))
    shown(public_api.client.post(path), 202)


def test_sixteen_at_once_are_one_wish(public_api: Api) -> None:
    request_id = hooked(public_api)
    row = recorded(public_api, request_id)
    path = path_of(request_id) + "/redeliver"
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: public_api.app.test_client().post(path), range(16)))
    asked = {shown(answer, 202)["redelivery_requested_at"] for answer in answers}
    after = row_of(public_api.store, row.webhook_id)
    assert after.redeliver_at is not None
    assert asked == {after.redeliver_at.isoformat()}


class LosesTheVerdict:
    """The real store, whose next commit succeeds, is acted upon, and is never confirmed."""

    def __init__(self, store: FirestoreStore, then: Any) -> None:
        self._store = store
        self._then = then
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, *writes: Any) -> Any:
        time = self._store.commit(*writes)
        if self.lost:
            return time
        self.lost += 1
        self._then(writes[0].id)
        raise CommitUnclear("lost")


def test_a_wish_that_was_granted_unseen_is_not_made_again(public_api: Api) -> None:
    row = recorded(public_api, hooked(public_api))
    one = attempts(1, moment(public_api) + timedelta(seconds=1))
    made = tuple(replace(attempt, redelivery=True) for attempt in one)

    def notifier(webhook: str) -> None:
        change_row(public_api.store, webhook, attempts=made, redeliver_at=None)

    store = LosesTheVerdict(public_api.store, notifier)
    webhooks = Webhooks(store=store, wake=Outbox(), public_url=BASE)
    answer = webhooks.redeliver("local", row.webhook_id)
    assert store.lost == 1
    assert answer.attempts == made
    assert row_of(public_api.store, row.webhook_id).redeliver_at is None


def test_a_wish_whose_verdict_is_lost_is_told_to_the_notifier(public_api: Api) -> None:
    row = recorded(public_api, hooked(public_api))
    store, outbox = LosesTheVerdict(public_api.store, lambda _: None), Outbox()
    answer = Webhooks(store=store, wake=outbox, public_url=BASE).redeliver("local", row.webhook_id)
    assert (store.lost, len(outbox.sent)) == (1, 1)
    assert answer.redeliver_at == row_of(public_api.store, row.webhook_id).redeliver_at


def test_what_cannot_be_published_is_accepted(public_api: Api) -> None:
    client = public_api.make(progress_topic="no-such-topic").test_client()
    request_id = hooked(public_api)
    row = recorded(public_api, request_id)
    shown(client.post(path_of(request_id) + "/redeliver"), 202)
    assert row_of(public_api.store, row.webhook_id).redeliver_at is not None
    sent = shown(client.post("/v1/webhooks/test", json={"callback_url": URL}), 202)
    assert row_of(public_api.store, sent["webhook_id"]).wake_at is not None


BAD_WEBHOOKS = [NO_WEBHOOK, "msg_1", NO_WEBHOOK.upper(), f"{NO_WEBHOOK}a", "__x__", "..", "%00"]
BAD_ENDPOINTS = [NO_ENDPOINT, "ep_1", NO_WEBHOOK, f"{NO_ENDPOINT}%0A", "__x__", "%F0%9F%8E%B5"]


@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("POST", "/redeliver")])
def test_a_foreign_webhook_looks_like_none(public_api: Api, method: str, end: str) -> None:
    request_id = hooked(public_api)
    public_api.change(request_id, tenant="other")
    foreign = recorded(public_api, request_id)
    headers = {"X-Request-Id": "the-same-id"}

    def answer(url: str, code: str) -> bytes:
        sent = public_api.client.open(url + end, method=method, headers=headers)
        refused(sent, 404, code)
        return bytes(sent.data)

    ids = [foreign.webhook_id, *BAD_WEBHOOKS]
    found = {answer(f"/v1/webhooks/events/{one}", "no_such_webhook") for one in ids}
    assert len(found) == 1
    tracks = {answer(path_of(one), "no_such_track") for one in (request_id, NOWHERE, "x")}
    assert len(tracks) == 1
    assert row_of(public_api.store, foreign.webhook_id).redeliver_at is None


@pytest.mark.parametrize(("method", "end"), [("GET", ""), ("POST", "/enable")])
def test_a_foreign_endpoint_looks_like_none(public_api: Api, method: str, end: str) -> None:
    now = moment(public_api)
    url = f"https://{method}.example/"
    foreign = endpoint(public_api, url, tenant="other", disabled_at=now, reason="gone")
    headers = {"X-Request-Id": "the-same-id"}

    def answer(one: str) -> bytes:
        path = f"/v1/webhooks/endpoints/{one}{end}"
        sent = public_api.client.open(path, method=method, headers=headers)
        refused(sent, 404, "no_such_endpoint")
        return bytes(sent.data)

    assert len({answer(one) for one in [foreign.endpoint_id, *BAD_ENDPOINTS]}) == 1
    assert public_api.store.get(ENDPOINTS, foreign.endpoint_id).value == foreign


def test_an_endpoint_is_enabled_once_and_for_all(public_api: Api) -> None:
    now = moment(public_api)
    url = "https://hooks.example/failing"
    found = endpoint(
        public_api, url, disabled_at=now, failing_since=now, reason="failing", succeeded_at=now
    )
    path = f"/v1/webhooks/endpoints/{found.endpoint_id}"
    before = shown(public_api.client.get(path))
    assert (before["state"], before["reason"], before["failing_since"]) == (
        *("disabled", "failing", now.isoformat()),
    )
    assert before["links"] == {"self": BASE + path, "enable": f"{BASE}{path}/enable"}
    with ThreadPoolExecutor(8) as pool:
        enable = f"{path}/enable"
        answers = list(pool.map(lambda _: public_api.app.test_client().post(enable), range(8)))
    for answer in answers:
        told = shown(answer)
        assert (told["state"], told["reason"], told["failing_since"]) == ("enabled", None, None)
        assert told["succeeded_at"] == now.isoformat()
    after = public_api.store.get(ENDPOINTS, found.endpoint_id)
    assert after.value
    assert after.value.wake_at is not None
    shown(public_api.client.post(enable))
    assert public_api.store.get(ENDPOINTS, found.endpoint_id).version == after.version


def test_endpoints_are_listed_page_by_page(public_api: Api) -> None:
    urls = [f"https://hooks.example/list/{number}?token=secret" for number in range(5)]
    for url in urls:
        endpoint(public_api, url)
    endpoint(public_api, urls[0], tenant="other")
    found: list[str] = []
    path = "/v1/webhooks/endpoints?limit=2"
    while True:
        answer = public_api.client.get(path)
        assert "secret" not in answer.text
        told = shown(answer)
        found += [one["url"] for one in told["endpoints"]]
        assert len(told["endpoints"]) <= 2
        if not told["has_more"]:
            break
        path = told["links"]["next"].removeprefix(BASE)
    assert len(found) == len(set(found))
    listed = [url for url in found if "/list/" in url]
    assert listed == [url.partition("?")[0] for url in urls]


def sent(public_api: Api, **body: Any) -> Delivery:
    """The row of a test that was accepted."""
    told = shown(public_api.client.post("/v1/webhooks/test", json=body), 202)
    row = row_of(public_api.store, told["webhook_id"])
    own = f"{BASE}/v1/webhooks/events/{row.webhook_id}"
    assert told == {
        "webhook_id": row.webhook_id,
        "type": row.type,
        "state": "pending",
        "links": {"self": own, "redeliver": f"{own}/redeliver"},
    }
    return row


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("webhook.test", "test"),
        ("track.completed", "completed"),
        ("track.failed", "failed"),
        ("track.cancelled", "cancelled"),
        ("track.expired", "expired"),
    ],
)
def test_a_test_is_an_event_of_its_own(public_api: Api, kind: str, status: str) -> None:
    asked = {"callback_url": URL} | ({} if kind == "webhook.test" else {"type": kind})
    row = sent(public_api, **asked)
    assert (row.once, row.type, row.url, row.tenant) == (True, kind, URL, "local")
    assert row.next_at == row.wake_at == row.since == row.created_at
    due(public_api, row.webhook_id)
    body = json.loads(row.body)
    assert (body["type"], body["data"]["status"]) == (kind, status)
    assert body["data"]["metadata"] == {"motif": "test event"}
    assert bool(body["data"]["audio"]) == (kind == "track.completed")
    assert bool(body["data"]["error"]) == (status in ("failed", "cancelled", "expired"))
    event = shown(public_api.client.get(f"/v1/webhooks/events/{row.webhook_id}"))
    assert (event["data"], event["state"]) == (body["data"], "pending")
    assert "track" not in event["links"]
    path = f"/v1/webhooks/events/{row.webhook_id}/redeliver"
    assert shown(public_api.client.post(path), 202)["redelivery_requested_at"]
    due(public_api, row.webhook_id)


def test_two_tests_are_two_events(public_api: Api) -> None:
    one, two = (sent(public_api, callback_url=URL) for _ in range(2))
    assert one.webhook_id != two.webhook_id


WRONG_TESTS: list[tuple[Any, str, str]] = [
    ({}, "missing_field", "callback_url"),
    ({"callback_url": 5}, "invalid_field", "callback_url"),
    ({"callback_url": ""}, "target_not_allowed", "callback_url"),
    ({"callback_url": "http://hooks.example/"}, "target_not_allowed", "callback_url"),
    ({"callback_url": "https://10.0.0.1/"}, "target_not_allowed", "callback_url"),
    ({"callback_url": "https://u:p@hooks.example/"}, "target_not_allowed", "callback_url"),
    ({"callback_url": "https://hooks.example/\ud800"}, "target_not_allowed", "callback_url"),
    ({"callback_url": URL, "type": "track.queued"}, "invalid_field", "type"),
    ({"callback_url": URL, "type": "batch.completed"}, "invalid_field", "type"),
    ({"callback_url": URL, "type": None}, "invalid_field", "type"),
    ({"callback_url": URL, "secret": "x"}, "unknown_field", "secret"),
    ([], "invalid_json", "body"),
]


@pytest.mark.parametrize(("body", "code", "field"), WRONG_TESTS)
def test_a_wrong_test_is_told_what_helps(public_api: Api, body: Any, code: str, field: str) -> None:
    answer = public_api.client.post("/v1/webhooks/test", json=body)
    told = refused(answer, 400, code)
    assert told["field"] == field
    assert told["cure"]
    assert rows(public_api, body) == 0


def rows(public_api: Api, body: Any) -> int:
    """Deliveries to where a refused test wanted one."""
    url = body.get("callback_url") if isinstance(body, dict) else None
    if not isinstance(url, str) or url == URL or not url.isprintable():
        return 0
    return len(public_api.store.find(DELIVERIES, {"url": url}, limit=1))


def test_a_test_needs_a_secret(emulators: Emulators, storage_url: str) -> None:
    with api(storage_url) as made:
        client = made.make(webhook_secret="").test_client()
        body = {"callback_url": URL}
        refused(client.post("/v1/webhooks/test", json=body), 400, "webhook_secret_missing")
        assert client.post("/v1/webhooks/secrets", json={}).status_code == 201
        shown(client.post("/v1/webhooks/test", json=body), 202)


@pytest.fixture
def away(public_api: Api, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """Ingest whose Firestore does not answer."""
    monkeypatch.setattr(FirestoreStore.__init__, "__kwdefaults__", {"timeout": 0.3})
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    return public_api.make().test_client()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", path_of(NOWHERE)),
        ("POST", f"/v1/webhooks/events/{NO_WEBHOOK}/redeliver"),
        ("GET", "/v1/webhooks/events"),
        ("GET", "/v1/webhooks/endpoints"),
        ("POST", f"/v1/webhooks/endpoints/{NO_ENDPOINT}/enable"),
    ],
)
def test_without_firestore_it_says_so(away: FlaskClient, method: str, path: str) -> None:
    answer = away.open(path, method=method)
    refused(answer, 503, "store_unavailable")
    assert answer.headers["Retry-After"]
