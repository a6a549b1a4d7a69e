"""From an announced event to the POST."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import firestore

from deploy.local.http import Response, Server
from services.notifier.app import create_app
from services.notifier.config import Settings
from shared import live, shutdown
from shared.errors import Malformed, RetryableError
from shared.gcp.firestore import FirestoreStore
from shared.messages import decode_event, encode
from shared.webhooks import DELIVERIES, due_event, endpoint_id, webhook_id
from tests.support import issuer, pushes
from tests.support.receiver import SCALE, SECRET, Receiver, Stack, document, ended, push
from tests.support.tracks import stored_track

LIVE = ("track.queued", "track.running", "track.progress")


def settled(store: FirestoreStore, request_id: str) -> bool:
    """Whether the track rests: nothing is left to announce or to record."""
    return document(store, request_id).wake_at is None


def test_an_ending_becomes_one_verified_post(stack: Stack, receiver: Receiver) -> None:
    webhook, message = ended(stack.store, receiver.hook, metadata={"order": "17"})
    request_id = decode_event(message.data).request_id
    assert not settled(stack.store, request_id)
    stack.notifier.handle(message)
    (post,) = receiver.posts
    assert (post.path, post.headers["webhook-id"]) == ("/hook", webhook)
    made = json.loads(post.body)
    assert made["type"] == "track.failed"
    assert (made["data"]["status"], made["data"]["error"]["code"]) == ("failed", "model_rejected")
    assert made["data"]["metadata"] == {"order": "17"}
    row = stack.row(webhook)
    assert (row.state, row.failed, row.wake_at) == ("delivered", 0, None)
    assert row.body == post.body
    assert row.expire_at is not None
    assert row.expire_at > stack.store.clock.now() + timedelta(days=29)
    (attempt,) = row.attempts
    assert (attempt.number, attempt.status, attempt.code) == (1, 200, "")
    assert (attempt.answer, attempt.redelivery) == ("why", False)
    assert settled(stack.store, request_id)


def test_twenty_deliveries_of_one_event_make_one_post(stack: Stack, receiver: Receiver) -> None:
    webhook, message = ended(stack.store, receiver.hook)
    start = threading.Barrier(20)

    def one(_: int) -> None:
        start.wait()
        stack.notifier.handle(message)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(one, range(20)))
    assert len(receiver.posts) == 1
    assert len(stack.row(webhook).attempts) == 1


def test_twenty_processes_with_one_event_make_one_post(stack: Stack, receiver: Receiver) -> None:
    webhook, message = ended(stack.store, receiver.hook)
    start = threading.Barrier(20)

    def one(process: Stack) -> None:
        start.wait()
        process.notifier.handle(message)

    with ThreadPoolExecutor(20) as pool:  # each with a gate of its own: only the row decides
        list(pool.map(one, [Stack(stack.store) for _ in range(20)]))
    assert len(receiver.posts) == 1
    assert len(stack.row(webhook).attempts) == 1


def test_a_later_delivery_of_the_message_sends_nothing(
    stack: Stack, receiver: Receiver, project: str
) -> None:
    webhook, message = ended(stack.store, receiver.hook)
    stack.notifier.handle(message)
    stack.notifier.handle(message)
    client = firestore.Client(project)
    client.collection("deliveries").document(webhook).delete()  # its retention is over
    client.close()
    stack.notifier.handle(message)
    assert len(receiver.posts) == 1


def test_what_is_no_announced_ending_is_let_go(stack: Stack, receiver: Receiver) -> None:
    webhook, message = ended(stack.store, receiver.hook)
    event = decode_event(message.data)
    for changes in (
        {"type": "track.later.v1"},
        {"type": "batch.completed.v1"},
        {"type": "webhook.due.v1"},
        {"request_id": "unknown"},
        {"event_id": f"{event.request_id}:1:completed"},
        {"run": 2},
    ):
        stack.notifier.handle(push(encode(event.model_copy(update=changes))))
    with pytest.raises(Malformed):
        stack.notifier.handle(push(b"{}"))
    assert stack.rows.get(webhook).value is None
    assert receiver.posts == []


@pytest.mark.parametrize(
    "selection", [("track.completed",), ("track.cancelled", "track.expired"), LIVE]
)
def test_an_unwanted_type_is_recorded_and_not_sent(
    stack: Stack, receiver: Receiver, selection: tuple[str, ...]
) -> None:
    webhook, message = ended(stack.store, receiver.hook, callback_events=selection)
    stack.notifier.handle(message)
    assert stack.rows.get(webhook).value is None
    assert settled(stack.store, decode_event(message.data).request_id)
    assert receiver.posts == []


@pytest.mark.parametrize("selection", [(), ("track.failed",), (*LIVE, "track.failed")])
def test_a_wanted_type_is_sent(
    stack: Stack, receiver: Receiver, selection: tuple[str, ...]
) -> None:
    _, message = ended(stack.store, receiver.hook, callback_events=selection)
    stack.notifier.handle(message)
    assert len(receiver.posts) == 1


def test_without_a_callback_there_is_no_delivery(stack: Stack) -> None:
    webhook, message = ended(stack.store)
    stack.notifier.handle(message)
    assert stack.rows.get(webhook).value is None
    track = document(stack.store, decode_event(message.data).request_id)
    assert track.announcements[0].recorded


def test_the_second_attempt_is_made_inside_the_push(stack: Stack, receiver: Receiver) -> None:
    receiver.statuses = [500, 200]
    webhook, message = ended(stack.store, receiver.hook)
    stack.notifier.handle(message)
    row = stack.row(webhook)
    assert (row.state, row.failed) == ("delivered", 1)
    assert [(a.number, a.status) for a in row.attempts] == [(1, 500), (2, 200)]
    gap = row.attempts[1].started_at - row.attempts[0].started_at
    assert gap >= timedelta(seconds=5 * SCALE)
    assert len(receiver.ids()) == len(receiver.bodies()) == 1


def test_the_third_attempt_is_the_sweepers_when_it_is_due(stack: Stack, receiver: Receiver) -> None:
    slow = Stack(stack.store, scale=0.002)
    receiver.statuses = [500, 500, 204]
    webhook, message = ended(stack.store, receiver.hook)
    slow.notifier.handle(message)
    assert len(receiver.posts) == 2
    second = slow.row(webhook)
    assert (second.state, second.wake_at) == ("pending", second.next_at)
    slow.notifier.handle(message)
    assert slow.row(webhook) == second  # a message does not make it due
    slow.until_due(webhook)
    slow.sweeper.run()
    third = slow.row(webhook)
    assert third.state == "delivered"
    assert second.next_at is not None
    assert third.attempts[2].started_at >= second.next_at
    assert len(receiver.posts) == 3


def test_what_is_not_due_is_left_to_who_waits_for_it(stack: Stack, receiver: Receiver) -> None:
    slow = Stack(stack.store, scale=0.2)
    soon = slow.now() + timedelta(seconds=1.5)
    row = slow.planned(receiver.hook, failed=1, next_at=soon, wake_at=soon)
    slow.wake(row)
    assert receiver.posts == []
    assert slow.now() < soon


def test_ten_failures_exhaust_it(stack: Stack, receiver: Receiver) -> None:
    quick = Stack(stack.store, scale=1e-6)
    receiver.statuses = [500]
    webhook, message = ended(stack.store, receiver.hook)
    quick.notifier.handle(message)
    for _ in range(8):
        if quick.row(webhook).state != "pending":
            break
        quick.until_due(webhook)
        quick.sweeper.run()
    row = quick.row(webhook)
    assert (row.state, row.failed, row.wake_at) == ("exhausted", 10, None)
    assert [a.number for a in row.attempts] == list(range(1, 11))
    assert len(receiver.posts) == 10
    assert len(receiver.ids()) == len(receiver.bodies()) == 1
    assert quick.sweeper.run() == {"woken": 0, "failed": 0}


@pytest.mark.parametrize("status", [301, 503])
def test_a_busy_receiver_is_not_waited_for_and_a_redirect_not_followed(
    stack: Stack, receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status, 200]
    webhook, message = ended(stack.store, receiver.hook)
    stack.notifier.handle(message)
    row = stack.row(webhook)
    busy = status == 503
    assert row.state == ("pending" if busy else "delivered")
    assert (row.attempts[0].status, row.failed) == (status, 1)
    assert len(receiver.posts) == (1 if busy else 2)


def test_a_forbidden_target_fails_without_a_post(stack: Stack, receiver: Receiver) -> None:
    host = Server(lambda _: Response(), host="127.0.0.2")
    with host:
        webhook, message = ended(stack.store, host.url)
        stack.notifier.handle(message)
    row = stack.row(webhook)
    assert (row.state, row.failed) == ("pending", 2)
    assert {a.code for a in row.attempts} == {"target_not_allowed"}
    assert settled(stack.store, decode_event(message.data).request_id)


def test_a_death_after_the_commit_is_made_good_by_the_sweep(
    stack: Stack, receiver: Receiver
) -> None:
    webhook, message = ended(stack.store, receiver.hook)
    assert stack.recorder.record(decode_event(message.data))
    assert receiver.posts == []
    assert settled(stack.store, decode_event(message.data).request_id)
    stack.sweeper.run()
    assert stack.row(webhook).state == "delivered"
    assert len(receiver.posts) == 1


def test_a_stopping_process_starts_no_attempt(stack: Stack, receiver: Receiver) -> None:
    receiver.statuses = [500]
    receiver.on_post = shutdown.begin
    webhook, message = ended(stack.store, receiver.hook)
    with pytest.raises(RetryableError) as stop:
        stack.notifier.handle(message)
    assert stop.value.code == "stopping"
    stack.until_due(webhook)
    with pytest.raises(RetryableError) as stop:
        stack.notifier.handle(message)
    assert stop.value.code == "stopping"
    assert stack.sweeper.run()["woken"] == 0
    assert len(receiver.posts) == 1
    row = stack.row(webhook)
    assert (row.state, row.failed) == ("pending", 1)
    assert row.wake_at is not None


def running(stack: Stack, url: str, events: tuple[str, ...]) -> str:
    return stored_track(
        stack.store, callback_url=url, callback_events=events, fields={"sequence": 3}
    )


def told(stack: Stack, request_id: str, word: str, part: str = "") -> None:
    """Deliver a live event of a track as it is."""
    track = document(stack.store, request_id)
    event = live.event(track, word, datetime.now(UTC), part=part)
    stack.notifier.handle(push(encode(event)))


def rows_of(stack: Stack, request_id: str) -> list[Any]:
    return list(stack.store.find(DELIVERIES, {"request_id": request_id}, limit=10))


def test_a_live_event_is_one_post_and_no_row(stack: Stack, receiver: Receiver) -> None:
    request_id = running(stack, receiver.hook, LIVE)
    receiver.statuses = [500, 204]
    for word, part in (("queued", ""), ("running", ""), ("progress", ":1"), ("progress", ":2")):
        told(stack, request_id, word, part)
    types = [json.loads(post.body)["type"] for post in receiver.posts]
    assert types == ["track.queued", "track.running", "track.progress", "track.progress"]
    assert len(receiver.ids()) == 4
    assert receiver.posts[0].headers["webhook-id"] == webhook_id(f"{request_id}:1:queued")
    assert rows_of(stack, request_id) == []
    assert stack.gate._endpoints == {}
    assert stack.sweeper.run() == {"woken": 0, "failed": 0}


def test_who_did_not_ask_hears_of_no_live_event(stack: Stack, receiver: Receiver) -> None:
    for events in ((), ("track.failed", "track.running")):
        request_id = running(stack, receiver.hook, events)
        told(stack, request_id, "queued")
        told(stack, request_id, "progress", ":1")
    told(stack, running(stack, "", LIVE), "queued")
    assert receiver.posts == []


def test_a_live_event_takes_nobodys_turn(stack: Stack, receiver: Receiver) -> None:
    request_id = running(stack, receiver.hook, LIVE)
    endpoint = endpoint_id("local", receiver.hook)
    inside = [name for name in map(str, range(20)) if stack.gate.enter(endpoint, name, wait=False)]
    told(stack, request_id, "queued")
    assert receiver.posts == []
    assert [stack.gate.leave(endpoint, name) for name in inside] == [None] * len(inside)
    told(stack, request_id, "running")
    assert len(receiver.posts) == 1


def test_no_live_event_comes_after_the_ending_or_from_an_older_run(
    stack: Stack, receiver: Receiver
) -> None:
    _, message = ended(stack.store, receiver.hook, callback_events=LIVE)
    told(stack, decode_event(message.data).request_id, "progress", ":9")
    request_id = running(stack, receiver.hook, LIVE)
    old = live.event(document(stack.store, request_id), "running", datetime.now(UTC))
    stack.notifier.handle(push(encode(old.model_copy(update={"run": 2}))))
    stack.notifier.handle(push(encode(old.model_copy(update={"request_id": "unknown"}))))
    assert receiver.posts == []
    stack.notifier.handle(push(encode(old)))
    assert len(receiver.posts) == 1


def settings(project: str, certs_url: str, **changes: Any) -> Settings:
    return Settings(
        gcp_project=project,
        push_audience=issuer.AUDIENCE,
        push_accounts=issuer.ACCOUNT,
        oidc_certs_url=certs_url,
        public_url="https://api.example/",
        webhook_secret=SECRET,
        webhook_allowed_targets="127.0.0.1",
        **changes,
    )


def test_the_service_over_http(stack: Stack, receiver: Receiver, project: str) -> None:
    webhook, message = ended(stack.store, receiver.hook)
    with issuer.certs_server() as certs:
        client = create_app(settings(project, certs.url, time_scale=0.05)).test_client()
        headers, body = pushes.eventarc(pushes.envelope(message.data))
        assert client.post("/events/tracks", headers=headers, data=body).status_code == 401
        assert client.post("/internal/sweep").status_code == 401
        assert receiver.posts == []
        headers["Authorization"] = "Bearer " + issuer.token()
        assert client.post("/events/tracks", headers=headers, data=body).status_code == 204
        _, nonsense = pushes.eventarc(pushes.envelope(b"{}"))
        assert client.post("/events/tracks", headers=headers, data=nonsense).status_code == 400
        due = stack.planned(receiver.hook)
        _, body = pushes.eventarc(pushes.envelope(encode(due_event(due, stack.now()))))
        assert client.post("/events/tracks", headers=headers, data=body).status_code == 204
        assert len(receiver.posts) == 2
        later = stack.planned(receiver.hook)
        swept = client.post("/internal/sweep", headers={"Authorization": headers["Authorization"]})
        assert (swept.status_code, swept.json) == (200, {"woken": 1, "failed": 0})
    link = json.loads(receiver.posts[0].body)["data"]["links"]["self"]
    assert link == f"https://api.example/v1/tracks/{decode_event(message.data).request_id}"
    states = {stack.row(one).state for one in (webhook, due.webhook_id, later.webhook_id)}
    assert states == {"delivered"}
