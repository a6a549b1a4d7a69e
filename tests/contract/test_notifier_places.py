"""Endpoints: how they do, disabled and enabled, and how many attempts may be open at one."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from services.notifier.gate import MOST_OPEN, MOST_OPEN_FAILING
from services.notifier.health import MOST_FAILING_SECONDS
from shared.errors import StoreUnavailable
from shared.webhooks import Delivery, State
from tests.support.receiver import SCALE, Away, Receiver, Stack, states
from tests.support.waiting import wait_for

FIVE_DAYS = timedelta(seconds=MOST_FAILING_SECONDS * SCALE)


def test_a_burst_to_one_healthy_endpoint_arrives_without_the_sweeper(
    stack: Stack, receiver: Receiver
) -> None:
    receiver.on_post = lambda: time.sleep(0.02)
    rows = stack.many(100, receiver.hook)
    stack.wake_all(rows, threads=40)
    assert states(stack, rows) == {State.DELIVERED}
    assert len(receiver.posts) == len(receiver.ids()) == 100
    assert 2 < receiver.most_open <= MOST_OPEN


def test_a_dead_endpoint_takes_two_threads(stack: Stack, receiver: Receiver) -> None:
    stuck = Stack(stack.store, timeout=1.0)
    stop = threading.Event()
    receiver.on_post = lambda: stop.wait(30)
    first, *others = stuck.many(41, receiver.hook)
    stuck.wake(first)
    assert stuck.row(first.webhook_id).attempts[0].code == "timeout"
    receiver.most_open = 0
    took = sorted(stuck.wake_all(others, threads=40))
    stop.set()
    assert receiver.most_open <= MOST_OPEN_FAILING + 1  # the first one's handler may still wait
    assert len(receiver.posts) == 1 + MOST_OPEN_FAILING
    assert sum(seconds >= 0.9 for seconds in took) == MOST_OPEN_FAILING
    assert took[-3] < 0.9
    untouched = [stuck.row(row.webhook_id) for row in others]
    due = [row for row in untouched if (row.wake_at, row.starts) == (others[0].wake_at, 0)]
    assert len(due) == len(others) - MOST_OPEN_FAILING


def test_nothing_more_than_sixteen_start_before_a_dead_endpoint_is_known(
    stack: Stack, receiver: Receiver
) -> None:
    stuck = Stack(stack.store, timeout=1.0)
    stop = threading.Event()
    receiver.on_post = lambda: stop.wait(30)
    rows = stuck.many(60, receiver.hook)
    begun = time.monotonic()
    stuck.wake_all(rows, threads=60)
    took = time.monotonic() - begun
    stop.set()
    assert len(receiver.posts) == MOST_OPEN
    assert took < 5  # nobody waits for the places of those who failed


def test_a_failing_endpoint_is_not_waited_for_by_more_than_its_places(
    stack: Stack, receiver: Receiver
) -> None:
    """All sixteen have failed once; two of them see the second attempt inside the push."""
    together = threading.Barrier(MOST_OPEN)
    receiver.on_post = lambda: len(receiver.posts) <= MOST_OPEN and together.wait(10)
    receiver.statuses = [500]
    slow = Stack(stack.store, scale=0.4)  # the second one is due after 2 s
    rows = slow.many(MOST_OPEN, receiver.hook)
    took = slow.wake_all(rows)
    assert len(receiver.posts) == MOST_OPEN + MOST_OPEN_FAILING
    assert sum(seconds > 2 for seconds in took) == MOST_OPEN_FAILING


def test_a_recovered_endpoint_has_its_places_again(stack: Stack, receiver: Receiver) -> None:
    receiver.statuses = [503, 200]
    stack.wake(stack.planned(receiver.hook))
    stack.wake(stack.planned(receiver.hook))
    together = threading.Barrier(MOST_OPEN)
    receiver.on_post = lambda: together.wait(10)
    rows = stack.many(MOST_OPEN, receiver.hook)
    stack.wake_all(rows)
    assert receiver.most_open == MOST_OPEN
    assert states(stack, rows) == {State.DELIVERED}


def test_places_are_given_back_when_attempts_break_off(
    stack: Stack, receiver: Receiver, project: str
) -> None:
    store = Away(project)
    broken = Stack(store, timeout=10)
    together = threading.Barrier(MOST_OPEN, lambda: setattr(store, "away", True))
    receiver.on_post = lambda: together.wait(10)
    rows = broken.many(MOST_OPEN + 4, receiver.hook)
    outside: list[Delivery] = []

    def one(row: Delivery) -> str:
        seen = stack.rows.get(row.webhook_id)
        if not broken.dispatch.enter(seen):
            outside.append(row)
            return "no place"
        wait_for(lambda: len(outside) == 4)
        try:
            broken.dispatch.send(seen)
        except StoreUnavailable:
            return "broken off"
        return "made"

    with ThreadPoolExecutor(len(rows)) as pool:
        results = list(pool.map(one, rows))
    assert sorted(results) == [*["broken off"] * MOST_OPEN, *["no place"] * 4]
    assert len(receiver.posts) == MOST_OPEN
    store.away = False
    together = threading.Barrier(MOST_OPEN)
    receiver.most_open = 0
    broken.wake_all(broken.many(MOST_OPEN, receiver.hook))
    assert receiver.most_open == MOST_OPEN
    assert broken.gate._endpoints == {}
    store.close()


def test_what_finds_no_place_is_moved_on_by_the_sweeper(stack: Stack, receiver: Receiver) -> None:
    stuck = Stack(stack.store, timeout=0.5)
    stuck.gate.judge(stack.planned(receiver.hook).endpoint_id, well=False)
    stop = threading.Event()
    receiver.on_post = lambda: stop.wait(30)
    rows = stuck.many(6, receiver.hook)
    counts = stuck.sweeper.run()
    stop.set()
    assert counts["woken"] >= 7
    waiting = [row for row in map(stuck.row, [r.webhook_id for r in rows]) if not row.attempts]
    assert len(waiting) >= 3
    for row in waiting:
        assert (row.starts, row.failed, row.next_at) == (0, 0, rows[0].next_at)
        assert row.wakes >= 1
        assert row.wake_at is not None
        assert row.wake_at > rows[0].created_at + timedelta(seconds=1)


def test_a_dead_endpoint_does_not_hide_healthy_ones_from_the_sweeper(
    stack: Stack, receiver: Receiver
) -> None:
    stuck = Stack(stack.store, timeout=8.0)
    stop = threading.Event()
    receiver.on_post = lambda: receiver.posts[-1].path == "/dead" and stop.wait(30)
    dead = stuck.many(60, receiver.origin + "/dead")
    well = stuck.many(20, receiver.hook, wake_at=stuck.now())
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(stuck.sweeper.run)
        wait_for(lambda: states(stuck, well) == {State.DELIVERED}, 7)
        stop.set()
        running.result()
    assert len(dead) == 60


def test_slow_endpoints_leave_the_sweeper_room_for_others(stack: Stack, receiver: Receiver) -> None:
    def slowly() -> None:
        if receiver.posts[-1].path.startswith("/slow"):
            time.sleep(0.3)

    receiver.on_post = slowly
    for name in ("/slow1", "/slow2"):
        stack.many(100, receiver.origin + name)
    last = stack.planned(receiver.hook)
    stack.sweeper.run()
    assert stack.row(last.webhook_id).state is State.DELIVERED
    assert 1 < receiver.most_open <= 2 * 4 + 1


def test_a_row_that_breaks_its_attempt_is_moved_on(stack: Stack, receiver: Receiver) -> None:
    row = stack.planned(receiver.hook)
    ring = stack.store._client.collection("webhook_secrets").document(row.tenant)
    ring.set({"secrets": 5})
    stack.sweeper.run()
    after = stack.row(row.webhook_id)
    assert receiver.posts == []
    assert after.wakes >= 1
    assert (after.starts, after.failed, after.next_at) == (0, 0, row.next_at)
    assert after.wake_at is not None
    assert after.wake_at > stack.now() - timedelta(seconds=1)
    ring.delete()


def test_names_that_nobody_answers_for_leave_the_sweeper_room_for_others(
    stack: Stack, receiver: Receiver
) -> None:
    def resolve(host: str, _port: int) -> list[str]:
        if host.startswith("slow"):
            time.sleep(1)
        return ["127.0.0.1"]

    named = Stack(stack.store, resolve=resolve, timeout=0.3)
    for host in ("slow.one.example", "slow.two.example"):
        named.many(40, f"https://{host}/hook")
    last = named.planned(receiver.hook)
    named.sweeper.run()
    assert named.row(last.webhook_id).state is State.DELIVERED
    failing = [place for place in named.gate._endpoints.values() if place.failing]
    assert len(failing) == 2


def test_a_place_is_given_back_when_there_is_no_thread(
    stack: Stack, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = stack.planned(receiver.hook)
    submit = ThreadPoolExecutor.submit
    refused: list[object] = []

    def once(self: ThreadPoolExecutor, *args: Any, **kwargs: Any) -> Any:
        if not refused:
            refused.append(self)
            raise RuntimeError("can't start new thread")
        return submit(self, *args, **kwargs)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", once)
    stack.sweeper.run()
    assert refused
    assert stack.row(row.webhook_id).state is State.DELIVERED
    assert stack.gate._endpoints == {}
