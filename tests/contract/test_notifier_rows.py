"""The row of one delivery: leases, lost replies, redeliveries, trouble of our own."""

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifier import delivery, signing
from services.notifier.delivery import LAST_TROUBLES, Answer
from shared.errors import CommitUnclear, StoreUnavailable
from shared.gcp.firestore import FirestoreStore
from shared.messages import encode
from shared.ports import Create, Snapshot, Write
from shared.problems import Problem
from shared.rings import RINGS, Kind, Secret, SecretRing
from shared.vault import Vault
from shared.webhooks import ENDPOINTS, Delivery, Endpoint, State, due_event, endpoint_id
from tests.support.receiver import (
    BRIEF,
    MAIN_KEY,
    NAME,
    SCALE,
    SECRET,
    Away,
    Receiver,
    Stack,
    ended,
    push,
)

OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
WHOLE = timedelta(seconds=delivery.WHOLE * SCALE)


@pytest.fixture
def brief(stack: Stack) -> Stack:
    return Stack(stack.store, timing=BRIEF)


def sign(row: Delivery) -> dict[str, str]:
    return signing.headers(signing.keys(SECRET), row.webhook_id, int(time.time()), row.body)


def test_a_death_in_an_attempt_is_made_good_when_its_lease_ends(
    stack: Stack, receiver: Receiver
) -> None:
    row = stack.planned(receiver.hook)
    dead = stack.take(row.webhook_id, "dead").value
    assert dead is not None
    stack.sender._egress.post(dead.url, sign(dead), dead.body)
    stack.wake(row)
    assert stack.row(row.webhook_id) == dead  # the lease is live: neither touched nor waited for
    assert len(receiver.posts) == 1
    stack.until_due(row.webhook_id)
    stack.sweeper.run()
    after = stack.row(row.webhook_id)
    assert (after.state, len(after.attempts), after.attempts[0].number) == ("delivered", 1, 1)
    assert len(receiver.posts) == 2
    assert len(receiver.ids()) == len(receiver.bodies()) == 1


def test_two_starts_without_a_result_are_a_failed_attempt(brief: Stack, receiver: Receiver) -> None:
    webhook = brief.planned(receiver.hook).webhook_id
    for holder in ("first", "second"):
        taken = brief.take(webhook, holder)
        brief.until_due(webhook)
    assert brief.sender.attempt(webhook) is not None
    row = brief.row(webhook)
    assert (row.state, row.failed, row.starts) == ("pending", 1, 0)
    (attempt,) = row.attempts
    assert (attempt.number, attempt.code, attempt.status) == (1, "no_result", 0)
    started = brief.rows.get(webhook).version
    assert taken.version is not None
    assert abs(attempt.started_at - taken.version) < timedelta(seconds=0.1)
    assert started is not None
    assert row.next_at is not None
    assert row.next_at > started
    assert receiver.posts == []
    brief.until_due(webhook)
    brief.sweeper.run()
    assert brief.row(webhook).state == "delivered"
    assert len(receiver.posts) == 1


def test_a_receiver_that_kills_its_notifier_is_called_twice_per_attempt(
    stack: Stack, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dies(Exception):
        pass

    def die(*_: Any) -> Any:
        raise Dies

    quick = Stack(stack.store, timing=BRIEF.scaled(0.1), timeout=5, scale=1e-6)
    monkeypatch.setattr(quick.rows, "record", die)  # between POST and attempt row
    webhook = quick.planned(receiver.hook).webhook_id
    while quick.row(webhook).state is State.PENDING:
        quick.until_due(webhook)
        try:
            quick.sender.attempt(webhook)
        except Dies:
            assert quick.row(webhook).starts in {1, 2}
    row = quick.row(webhook)
    assert (row.state, row.failed) == ("exhausted", 10)
    assert {a.code for a in row.attempts} == {"no_result"}
    assert len(receiver.posts) == 20
    assert len(receiver.ids()) == len(receiver.bodies()) == 1


def disabled(stack: Stack, url: str) -> Snapshot[Endpoint]:
    stack.known(url, disabled_at=stack.now(), reason="gone")
    return stack.store.get(ENDPOINTS, endpoint_id("local", url))


@pytest.mark.parametrize("done", [False, True], ids=["taken", "delivered"])
def test_a_row_that_somebody_has_taken_meanwhile_is_left_alone(
    stack: Stack, receiver: Receiver, *, done: bool
) -> None:
    seen = stack.rows.get(stack.planned(receiver.hook).webhook_id)
    taken = stack.take(seen.id, "quick")
    if done:
        record(stack, taken, status=200)
    before = stack.rows.get(seen.id)
    for change in (stack.rows.trouble, stack.rows.release, stack.rows.move_on):
        change(seen)
    stack.rows.hold(seen, disabled(stack, receiver.hook))
    stack.rows.take(seen, "late")
    assert stack.rows.get(seen.id).version == before.version


def test_what_somebody_asks_for_meanwhile_is_not_held(stack: Stack, receiver: Receiver) -> None:
    seen = stack.rows.get(stack.planned(receiver.hook).webhook_id)
    stack.webhooks.redeliver("local", seen.id)
    asked = stack.row(seen.id)
    stack.rows.hold(seen, disabled(stack, receiver.hook))
    assert stack.row(seen.id) == asked
    assert asked.wake_at is not None


def test_what_is_kept_no_longer_is_not_released(stack: Stack, receiver: Receiver) -> None:
    later = stack.now() + timedelta(minutes=1)
    held = {"state": State.HELD, "next_at": None, "wake_at": None}
    old = stack.planned(receiver.hook, expire_at=stack.now(), **held)
    young = stack.planned(receiver.hook, expire_at=later, **held)
    for row in (old, young):
        stack.rows.release(stack.rows.get(row.webhook_id))
    assert stack.row(old.webhook_id) == old
    assert stack.row(young.webhook_id).state == "pending"


def overtaken(stack: Stack, url: str) -> tuple[str, Snapshot[Delivery], Snapshot[Delivery]]:
    """An attempt whose lease has ended, and the one that has taken its place."""
    webhook = stack.planned(url).webhook_id
    slow = stack.take(webhook, "slow")
    stack.until_due(webhook)
    return webhook, slow, stack.take(webhook, "quick")


def record(stack: Stack, taken: Snapshot[Delivery], **answer: Any) -> None:
    stack.rows.record(taken, Answer(**answer), stack.store.clock.now())


def test_a_success_counts_after_its_lease_is_lost_and_is_final(
    brief: Stack, receiver: Receiver
) -> None:
    webhook, slow, quick = overtaken(brief, receiver.hook)
    record(brief, slow, status=200)
    delivered = brief.row(webhook)
    assert delivered.state == "delivered"
    for answer in ({"status": 500}, {"status": 200}, {"code": "dns_unavailable"}):
        record(brief, quick, **answer)
        assert brief.row(webhook) == delivered
    assert (delivered.failed, delivered.wake_at, len(delivered.attempts)) == (0, None, 1)


def test_anything_else_counts_only_under_its_lease(brief: Stack, receiver: Receiver) -> None:
    webhook, slow, quick = overtaken(brief, receiver.hook)
    for answer in ({"status": 500}, {"status": 410}, {"code": "dns_unavailable"}):
        record(brief, slow, **answer)
        assert brief.row(webhook) == quick.value
    record(brief, quick, status=500)
    record(brief, quick, status=500)
    row = brief.row(webhook)
    assert (row.failed, row.starts, row.holder) == (1, 0, "")


def test_a_result_counts_after_its_lease_has_ended_while_nobody_else_is_at_it(
    brief: Stack, receiver: Receiver
) -> None:
    webhook = brief.planned(receiver.hook).webhook_id
    taken = brief.take(webhook, "slow")
    brief.until_due(webhook)
    record(brief, taken, status=500)
    assert brief.row(webhook).failed == 1


def test_a_late_success_makes_an_exhausted_delivery_delivered(
    brief: Stack, receiver: Receiver
) -> None:
    webhook, slow, quick = overtaken(brief, receiver.hook)
    brief.change(brief.row(webhook), failed=9)
    record(brief, replace_value(quick, failed=9), status=500)
    assert brief.row(webhook).state == "exhausted"
    record(brief, slow, status=200)
    assert brief.row(webhook).state == "delivered"


def replace_value(seen: Snapshot[Delivery], **changes: Any) -> Snapshot[Delivery]:
    assert seen.value is not None
    return Snapshot(seen.id, replace(seen.value, **changes), seen.version, seen.read_at)


@pytest.mark.parametrize(("quick_status", "slow_status"), [(200, 500), (500, 200)])
def test_a_process_that_has_lost_its_lease_changes_no_more_than_it_may(
    stack: Stack, receiver: Receiver, quick_status: int, slow_status: int
) -> None:
    slow = Stack(stack.store, timing=BRIEF, timeout=5)
    overtaking = threading.Event()
    receiver.statuses = [quick_status, slow_status]
    receiver.on_post = lambda: len(receiver.posts) > 1 or overtaking.wait(5)
    row = stack.planned(receiver.hook)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(slow.wake, row)
        while not receiver.posts:
            time.sleep(0.01)
        slow.until_due(row.webhook_id)
        stack.sender.attempt(row.webhook_id)
        between = stack.row(row.webhook_id)
        overtaking.set()
        first.result()
    after = stack.row(row.webhook_id)
    assert between.attempts[0].status == quick_status
    assert after.state == "delivered"
    assert [a.status for a in after.attempts] == ([200] if quick_status == 200 else [500, 200])
    assert (after == between) == (quick_status == 200)
    assert len(receiver.posts) == 2


class LostReply(FirestoreStore):
    """Firestore with one commit whose answer is lost: done all the same, or not."""

    def __init__(self, project: str, number: int, *, done: bool) -> None:
        super().__init__(project)
        self.left = number
        self._done = done

    def commit(self, *writes: Write) -> datetime:
        self.left -= 1
        if self.left == 0 and not self._done:
            raise CommitUnclear("lost on the way there")
        time = super().commit(*writes)
        if self.left == 0:
            raise CommitUnclear("lost on the way back")
        return time


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3, 4], ids=["record", "take", "result", "health"])
def test_a_lost_reply_of_the_store_costs_no_post(
    stack: Stack, receiver: Receiver, project: str, number: int, *, done: bool
) -> None:
    webhook, message = ended(stack.store, receiver.hook)
    lossy = LostReply(project, number, done=done)
    Stack(lossy).notifier.handle(message)
    lossy.close()
    assert lossy.left <= 0
    row = stack.row(webhook)
    assert (row.state, len(row.attempts)) == ("delivered", 1)
    assert stack.endpoint(receiver.hook).succeeded_at is not None
    assert len(receiver.posts) == 1


def test_a_store_that_is_away_uses_up_no_attempt_and_no_place(
    receiver: Receiver, project: str
) -> None:
    store = Away(project)
    stack = Stack(store, timing=BRIEF.scaled(0.2), timeout=5)
    row = stack.planned(receiver.hook)
    message = push(encode(due_event(row, stack.now())))
    store.away = True
    with pytest.raises(StoreUnavailable):
        stack.notifier.handle(message)
    store.away = False
    receiver.on_post = lambda: setattr(store, "away", True)
    with pytest.raises(StoreUnavailable):
        stack.wake(row)
    assert store.refused > 1
    store.away = False
    receiver.on_post = lambda: None
    assert stack.row(row.webhook_id).starts == 1
    stack.until_due(row.webhook_id)
    stack.wake(row)  # the place is free again
    after = stack.row(row.webhook_id)
    assert (after.state, after.failed, len(after.attempts)) == ("delivered", 0, 1)
    assert len(receiver.posts) == 2
    store.close()


def put_into(state: str, stack: Stack, receiver: Receiver) -> Delivery:
    """A delivery of *state* that is not due."""
    row = stack.planned(receiver.hook)
    later = stack.now() + timedelta(hours=1)
    changes: dict[str, dict[str, Any]] = {
        "pending": {"failed": 2, "next_at": later, "wake_at": later},
        "held": {"state": State.HELD, "failed": 2, "expire_at": later},
        "exhausted": {"state": State.EXHAUSTED, "failed": 10, "expire_at": later},
        "delivered": {"state": State.DELIVERED, "expire_at": later},
    }
    if state == "held":
        stack.known(receiver.hook, disabled_at=stack.now(), reason="gone")
    return stack.change(row, **({"next_at": None, "wake_at": None} | changes[state]))


STATES = ["pending", "held", "exhausted", "delivered"]


@pytest.mark.parametrize("state", STATES)
def test_a_redelivery_arrives_from_any_state(stack: Stack, receiver: Receiver, state: str) -> None:
    row = put_into(state, stack, receiver)
    begun = int(time.time())
    stack.redeliver(row)
    after = stack.row(row.webhook_id)
    assert (after.state, after.next_at, after.wake_at) == ("delivered", None, None)
    assert after.failed == row.failed
    assert after.redeliver_at is None
    assert [(a.number, a.status, a.redelivery) for a in after.attempts] == [(1, 200, True)]
    (post,) = receiver.posts
    assert (post.headers["webhook-id"], post.body) == (row.webhook_id, row.body)
    assert begun <= receiver.timestamps()[0] <= time.time()


@pytest.mark.parametrize("status", [500, 410])
@pytest.mark.parametrize("state", STATES)
def test_a_redelivery_that_fails_leaves_everything_as_it_was(
    stack: Stack, receiver: Receiver, state: str, status: int
) -> None:
    receiver.statuses = [status]
    row = put_into(state, stack, receiver)
    stack.redeliver(row)
    after = stack.row(row.webhook_id)
    assert replace(after, attempts=()) == row
    assert [(a.number, a.status, a.redelivery) for a in after.attempts] == [(1, status, True)]
    assert len(receiver.posts) == 1
    stack.sweeper.run()
    assert len(receiver.posts) == 1


def test_a_redelivery_has_the_same_id_and_body_and_a_new_timestamp(
    stack: Stack, receiver: Receiver
) -> None:
    webhook, message = ended(stack.store, receiver.hook)
    stack.notifier.handle(message)
    while int(time.time()) == receiver.timestamps()[0]:
        time.sleep(0.02)
    stack.redeliver(stack.row(webhook))
    first, second = receiver.timestamps()
    assert first < second
    assert len(receiver.ids()) == len(receiver.bodies()) == 1
    assert [a.redelivery for a in stack.row(webhook).attempts] == [False, True]


def test_the_sweeper_finds_a_redelivery_whose_message_is_lost(
    stack: Stack, receiver: Receiver
) -> None:
    row = put_into("exhausted", stack, receiver)
    stack.webhooks.redeliver("local", row.webhook_id)
    stack.sweeper.run()
    assert stack.row(row.webhook_id).state == "delivered"
    assert len(receiver.posts) == 1


def test_a_redelivery_is_refused_while_an_attempt_is_made(stack: Stack, receiver: Receiver) -> None:
    row = stack.planned(receiver.hook)
    refused: list[str] = []

    def ask() -> None:
        with pytest.raises(Problem) as refusal:
            stack.webhooks.redeliver("local", row.webhook_id)
        refused.append(refusal.value.code)

    receiver.on_post = ask
    stack.wake(row)
    assert refused == ["attempt_in_flight"]
    assert len(receiver.posts) == 1


def test_a_redelivery_that_nobody_ends_is_made_good(brief: Stack, receiver: Receiver) -> None:
    row = put_into("delivered", brief, receiver)
    brief.webhooks.redeliver("local", row.webhook_id)
    for holder in ("first", "second"):
        brief.take(row.webhook_id, holder)
        brief.until_due(row.webhook_id)
    brief.sweeper.run()
    after = brief.row(row.webhook_id)
    assert (after.state, after.wake_at, after.redeliver_at) == ("delivered", None, None)
    assert [(a.code, a.redelivery) for a in after.attempts] == [("no_result", True)]
    assert receiver.posts == []


def test_without_a_secret_it_waits_and_arrives_once_there_is_one(
    stack: Stack, receiver: Receiver
) -> None:
    bare = Stack(stack.store, secret="")
    receiver.secret = OTHER_SECRET
    webhook, message = ended(stack.store, receiver.hook)
    begun = stack.now()
    bare.notifier.handle(message)
    row = bare.row(webhook)
    assert (row.state, row.troubles, row.starts, row.attempts) == ("pending", 1, 0, ())
    assert row.wake_at == row.next_at
    assert row.wake_at is not None
    assert row.wake_at - begun >= timedelta(seconds=60 * SCALE)
    assert receiver.posts == []
    bare.until_due(webhook)
    bare.sender.attempt(webhook)
    assert bare.row(webhook).troubles == 2
    add_secret(bare)
    bare.until_due(webhook)
    bare.sweeper.run()
    row = bare.row(webhook)
    assert (row.state, row.failed, row.troubles, len(row.attempts)) == ("delivered", 0, 0, 1)
    assert len(receiver.posts) == 1


def add_secret(stack: Stack, main_key: str = MAIN_KEY) -> None:
    sealed = Vault(main_key).seal("local", "sec_1", OTHER_SECRET)
    secret = Secret(secret_id="sec_1", kind=Kind.V1, sealed=sealed, created_at=stack.now())
    stack.store.commit(Create(RINGS, "local", SecretRing(tenant="local", secrets=(secret,))))


def test_a_secret_that_cannot_be_opened_uses_up_no_attempt(
    stack: Stack, receiver: Receiver
) -> None:
    add_secret(stack, main_key=MAIN_KEY[::-1].replace("=", "") + "=")
    row = stack.planned(receiver.hook)
    stack.wake(row)
    after = stack.row(row.webhook_id)
    assert (after.state, after.troubles, after.starts, after.attempts) == ("pending", 1, 0, ())
    assert receiver.posts == []


def name_server(answers: list[Callable[[], list[str]]]) -> Callable[[str, int], list[str]]:
    """One that gives each of *answers* in turn, the last one for ever."""

    def resolve(host: str, port: int) -> list[str]:
        assert host == NAME
        return (answers.pop(0) if len(answers) > 1 else answers[0])()

    return resolve


def no_answer() -> list[str]:
    raise socket.gaierror(socket.EAI_AGAIN, "try again")


def test_a_name_server_that_is_away_uses_up_no_attempt(stack: Stack, receiver: Receiver) -> None:
    answers = [no_answer, no_answer, lambda: ["127.0.0.1"]]
    named = Stack(stack.store, resolve=name_server(answers))
    url = receiver.hook.replace("127.0.0.1", NAME)
    row = named.planned(url)
    for troubles in (1, 2):
        before = named.now()
        named.sender.attempt(row.webhook_id)
        after = named.row(row.webhook_id)
        assert (after.state, after.failed, after.troubles) == ("pending", 0, troubles)
        assert (after.starts, after.holder, after.attempts) == (0, "", ())
        assert after.wake_at is not None
        assert after.wake_at - before >= timedelta(seconds=60 * 2 ** (troubles - 1) * SCALE)
        named.until_due(row.webhook_id)
    assert named.store.get(ENDPOINTS, row.endpoint_id).value is None  # no fault of the endpoint
    (place,) = named.gate._endpoints.values()
    assert (place.open, len(place.waiting), place.failing) == (set(), 0, True)
    named.sweeper.run()
    assert [a.number for a in named.row(row.webhook_id).attempts] == [1]
    (post,) = receiver.posts
    assert (post.headers["host"] or "").startswith(NAME)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=5)])
def test_trouble_ends_when_the_schedules_whole_time_is_over(
    stack: Stack, receiver: Receiver, late: timedelta
) -> None:
    bare = Stack(stack.store, secret="")
    since = bare.now() - WHOLE - late + timedelta(minutes=1)
    row = bare.planned(receiver.hook, since=since, troubles=LAST_TROUBLES)
    bare.wake(row)
    after = bare.row(row.webhook_id)
    assert after.state == ("exhausted" if late else "pending")
    assert (after.failed, after.attempts) == (0, ())
    assert (after.wake_at is None) == bool(late)


def test_what_is_tried_once_is_tried_once(stack: Stack, receiver: Receiver) -> None:
    receiver.statuses = [500, 200]
    row = stack.planned(receiver.hook, once=True)
    stack.wake(row)
    assert stack.row(row.webhook_id).state == "exhausted"
    assert len(receiver.posts) == 1


def test_a_test_event_of_the_api_arrives(stack: Stack, receiver: Receiver) -> None:
    row = stack.webhooks.test("local", receiver.hook, "webhook.test")
    stack.wake(row)
    (post,) = receiver.posts
    assert json.loads(post.body)["type"] == "webhook.test"
    assert stack.row(row.webhook_id).state == "delivered"


def test_a_redelivery_is_not_used_up_by_starts_of_the_schedule(
    stack: Stack, receiver: Receiver
) -> None:
    lapsed = stack.now() - timedelta(seconds=1)
    row = stack.planned(receiver.hook, starts=2, holder="dead", lease_expires_at=lapsed)
    stack.redeliver(row)
    stack.wake(row)
    after = stack.row(row.webhook_id)
    told = [(a.code, a.status, a.redelivery) for a in after.attempts]
    assert told == [("no_result", 0, False), ("", 200, True)]
    assert (after.state, after.redeliver_at, after.failed) == (State.DELIVERED, None, 1)
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("last", [{"failed": 9}, {"once": True}], ids=str)
def test_a_redelivery_outlives_the_last_start_of_the_schedule(
    stack: Stack, receiver: Receiver, last: dict[str, Any]
) -> None:
    lapsed = stack.now() - timedelta(seconds=1)
    row = stack.planned(receiver.hook, starts=2, holder="dead", lease_expires_at=lapsed, **last)
    stack.redeliver(row)
    after = stack.row(row.webhook_id)
    assert [(a.code, a.redelivery) for a in after.attempts] == [("no_result", False), ("", True)]
    assert (after.state, len(receiver.posts)) == (State.DELIVERED, 1)


def test_a_disabled_endpoint_holds_what_could_not_be_signed_either(
    stack: Stack, receiver: Receiver
) -> None:
    unsigned = Stack(stack.store, secret="")
    unsigned.known(receiver.hook, disabled_at=unsigned.now(), reason="gone")
    old = unsigned.now() - WHOLE - timedelta(seconds=1)
    row = unsigned.planned(receiver.hook, since=old, troubles=LAST_TROUBLES)
    unsigned.wake(row)
    held = unsigned.row(row.webhook_id)
    assert (held.state, held.wake_at, held.attempts) == (State.HELD, None, ())
