"""Endpoints: how they do, disabled and enabled, and how many attempts may be open at one."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifier.gate import MOST_OPEN, MOST_OPEN_FAILING
from services.notifier.health import MOST_FAILING_SECONDS
from shared import live
from shared.errors import CommitUnclear, StoreUnavailable
from shared.gcp.firestore import FirestoreStore
from shared.messages import encode
from shared.ports import Collection, Create, Snapshot, T, Update
from shared.webhooks import DELIVERIES, ENDPOINTS, Delivery, State
from tests.support.receiver import BRIEF, SCALE, Away, Receiver, Stack, document, push
from tests.support.tracks import stored_track
from tests.support.waiting import wait_for

FIVE_DAYS = timedelta(seconds=MOST_FAILING_SECONDS * SCALE)


def states(stack: Stack, rows: list[Delivery]) -> set[State]:
    return {stack.row(row.webhook_id).state for row in rows}


def swept(stack: Stack) -> None:
    """One pass of each sweep."""
    stack.releaser.run()
    stack.sweeper.run()


def enable(stack: Stack, url: str) -> None:
    stack.endpoints.enable("local", stack.endpoint(url).endpoint_id)


def test_who_has_gone_gets_nothing_more(stack: Stack, receiver: Receiver) -> None:
    receiver.statuses = [410]
    rows = stack.many(3, receiver.hook)
    stack.wake(rows[0])
    endpoint = stack.endpoint(receiver.hook)
    assert (endpoint.reason, endpoint.tenant, endpoint.url) == ("gone", "local", receiver.hook)
    assert endpoint.disabled_at is not None
    first = stack.row(rows[0].webhook_id)
    assert (first.state, first.failed, first.wake_at) == ("held", 1, None)
    assert first.attempts[0].code == "gone"
    stack.wake(rows[1])
    stack.sweeper.run()
    for row in rows[1:]:
        held = stack.row(row.webhook_id)
        assert (held.state, held.failed, held.starts, held.attempts) == ("held", 0, 0, ())
        assert (held.next_at, held.wake_at) == (None, None)
        assert held.expire_at == row.created_at + timedelta(days=30)
    assert len(receiver.posts) == 1
    assert stack.sweeper.run() == {"woken": 0, "failed": 0}
    other = stack.planned(receiver.origin + "/other")  # another endpoint
    receiver.statuses = [200]
    stack.wake(other)
    assert states(stack, [other]) == {State.DELIVERED}


def test_a_disabled_endpoint_gets_what_somebody_asks_for(stack: Stack, receiver: Receiver) -> None:
    disabled = stack.known(receiver.hook, disabled_at=stack.now(), reason="gone")
    row = stack.planned(receiver.hook)
    stack.wake(row)
    assert receiver.posts == []
    stack.redeliver(row)
    test = stack.webhooks.test("local", receiver.hook, "webhook.test")
    stack.wake(test)
    assert len(receiver.posts) == 2
    assert states(stack, [row, test]) == {State.DELIVERED}
    assert stack.endpoint(receiver.hook) == disabled  # neither has proven anything


def test_what_somebody_asks_for_does_not_count(stack: Stack, receiver: Receiver) -> None:
    receiver.statuses = [410]
    later = stack.now() + timedelta(hours=1)
    stack.redeliver(stack.planned(receiver.hook, next_at=later, wake_at=later))
    stack.wake(stack.planned(receiver.hook, once=True))
    assert len(receiver.posts) == 2
    assert stack.store.get(ENDPOINTS, stack.planned(receiver.hook).endpoint_id).value is None


def test_no_live_event_goes_to_a_disabled_endpoint(stack: Stack, receiver: Receiver) -> None:
    stack.known(receiver.hook, disabled_at=stack.now(), reason="gone")
    for url in (receiver.hook, receiver.origin + "/other"):
        request_id = stored_track(stack.store, callback_url=url, callback_events=("track.running",))
        track = document(stack.store, request_id)
        stack.notifier.handle(push(encode(live.event(track, "running", stack.now()))))
    assert [post.path for post in receiver.posts] == ["/other"]


def test_a_live_event_that_is_answered_410_disables_the_endpoint(
    stack: Stack, receiver: Receiver
) -> None:
    receiver.statuses = [410]
    request_id = stored_track(
        stack.store, callback_url=receiver.hook, callback_events=("track.running",)
    )
    told = live.event(document(stack.store, request_id), "running", stack.now())
    for _ in range(2):
        stack.notifier.handle(push(encode(told)))
    assert stack.endpoint(receiver.hook).reason == "gone"
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=30)])
def test_five_days_of_failures_disable_it(
    stack: Stack, receiver: Receiver, late: timedelta
) -> None:
    slow = Stack(stack.store, scale=1, health_scale=SCALE)
    since = slow.now() - FIVE_DAYS - late + timedelta(seconds=15)
    slow.known(receiver.hook, failing_since=since)
    receiver.statuses = [404]
    rows = slow.many(2, receiver.hook)
    for row in rows:
        slow.sender.attempt(row.webhook_id)
    endpoint = slow.endpoint(receiver.hook)
    assert endpoint.failing_since == since
    assert endpoint.reason == ("failing" if late else "")
    assert (endpoint.disabled_at is not None) == bool(late)
    assert len(receiver.posts) == (1 if late else 2)
    assert slow.row(rows[0].webhook_id).state == "pending"
    assert slow.row(rows[1].webhook_id).state == ("held" if late else "pending")


def test_one_success_clears_what_has_failed(stack: Stack, receiver: Receiver) -> None:
    stack.known(receiver.hook, failing_since=stack.now() - FIVE_DAYS)
    stack.wake(stack.planned(receiver.hook))
    endpoint = stack.endpoint(receiver.hook)
    assert endpoint.failing_since is None
    assert endpoint.succeeded_at is not None
    receiver.statuses = [500, 200]
    stack.wake(stack.planned(receiver.hook))
    assert stack.endpoint(receiver.hook).failing_since is None
    receiver.statuses = [503]
    stack.wake(stack.planned(receiver.hook))
    failing = stack.endpoint(receiver.hook)
    assert failing.failing_since is not None
    assert failing.failing_since > endpoint.succeeded_at


def test_many_successes_are_not_written_down_each_time(stack: Stack, receiver: Receiver) -> None:
    rows = stack.many(4, receiver.hook)
    stack.wake(rows[0])
    known = stack.store.get(ENDPOINTS, rows[0].endpoint_id)
    for row in rows[1:]:
        stack.wake(row)
    assert stack.store.get(ENDPOINTS, rows[0].endpoint_id).version == known.version
    assert len(receiver.posts) == 4


def test_what_was_held_arrives_once_the_endpoint_is_enabled(
    stack: Stack, receiver: Receiver
) -> None:
    receiver.statuses = [410]
    rows = stack.many(3, receiver.hook)
    for row in rows:
        stack.wake(row)
    assert states(stack, rows) == {State.HELD}
    swept(stack)
    assert states(stack, rows) == {State.HELD}
    receiver.statuses = [200]
    enable(stack, receiver.hook)
    begun = stack.now()
    swept(stack)
    assert states(stack, rows) == {State.DELIVERED}
    assert stack.row(rows[0].webhook_id).since >= begun - timedelta(seconds=1)
    assert len(receiver.posts) == 4
    endpoint = stack.endpoint(receiver.hook)
    assert (endpoint.disabled_at, endpoint.wake_at, endpoint.reason) == (None, None, "")
    assert stack.releaser.run() == {"woken": 0, "failed": 0}


def held(stack: Stack, count: int, url: str, **changes: Any) -> list[Delivery]:
    expires = stack.now() + timedelta(days=30)
    fields = {"state": State.HELD, "next_at": None, "wake_at": None, "expire_at": expires}
    return stack.many(count, url, **(fields | changes))


def test_all_that_was_held_is_released(stack: Stack, receiver: Receiver) -> None:
    rows = held(stack, 250, receiver.hook)
    old = held(stack, 2, receiver.hook, expire_at=stack.now())
    other = held(stack, 2, receiver.origin + "/other")
    stack.known(receiver.hook, wake_at=stack.now())
    assert stack.releaser.run() == {"woken": 1, "failed": 0}
    assert states(stack, rows) == {State.PENDING}
    assert states(stack, [*old, *other]) == {State.HELD}
    due = stack.store.due(DELIVERIES, stack.now(), 300)
    assert {seen.id for seen in due} == {row.webhook_id for row in rows}
    assert {seen.value.expire_at for seen in due if seen.value} == {None}
    assert stack.endpoint(receiver.hook).wake_at is None


def test_what_is_disabled_again_is_not_released(stack: Stack, receiver: Receiver) -> None:
    rows = held(stack, 3, receiver.hook)
    stack.known(receiver.hook, wake_at=stack.now(), disabled_at=stack.now(), reason="gone")
    assert stack.releaser.run()["woken"] == 1
    assert states(stack, rows) == {State.HELD}
    assert stack.endpoint(receiver.hook).wake_at is None


class Between(FirestoreStore):
    """Firestore in which something happens just before the first commit that *chosen* names."""

    chosen: Callable[[Create[Any] | Update[Any]], bool]
    then: Callable[[], object]

    def __init__(self, project: str) -> None:
        super().__init__(project)
        self.chosen = lambda _: False
        self.then = lambda: None
        self.fired = 0
        self.finds = 0

    def commit(self, *writes: Create[Any] | Update[Any]) -> datetime:
        if not self.fired and any(map(self.chosen, writes)):
            self.fired += 1
            self.then()
        return super().commit(*writes)

    def find(self, *args: Any, **kwargs: Any) -> Any:
        self.finds += 1
        return super().find(*args, **kwargs)


def holds(write: Create[Any] | Update[Any]) -> bool:
    return write.collection is DELIVERIES and write.value.state is State.HELD


def released(stack: Stack, url: str) -> None:
    """Enabled, and everything done about it before the others go on."""
    enable(stack, url)
    assert stack.releaser.run() == {"woken": 1, "failed": 0}


@pytest.fixture
def between(project: str) -> Any:
    store = Between(project)
    yield store
    store.close()


def test_enabled_between_the_look_and_the_hold_nothing_stays_behind(
    stack: Stack, receiver: Receiver, between: Between
) -> None:
    raced = Stack(between)
    between.chosen, between.then = holds, lambda: released(stack, receiver.hook)
    stack.known(receiver.hook, disabled_at=stack.now(), reason="gone")
    row = raced.planned(receiver.hook)
    raced.wake(row)
    assert between.fired == 1
    assert stack.endpoint(receiver.hook).wake_at is None  # nobody else looks for it
    assert states(stack, [row]) == {State.DELIVERED}


def test_enabled_between_its_410_and_the_hold_nothing_stays_behind(
    stack: Stack, receiver: Receiver, between: Between
) -> None:
    raced = Stack(between)
    receiver.statuses = [410, 200]
    between.chosen, between.then = holds, lambda: released(stack, receiver.hook)
    row = raced.planned(receiver.hook)
    raced.wake(row)
    assert between.fired == 1
    assert stack.endpoint(receiver.hook).wake_at is None
    assert states(stack, [row]) == {State.DELIVERED}
    assert len(receiver.posts) == 2


def test_disabled_again_while_it_releases_it_stops(
    stack: Stack, receiver: Receiver, between: Between
) -> None:
    """Released rows are held anew at once: going on would take for ever."""
    releasing = Stack(between, scale=1e-6)
    rows = held(stack, 5, receiver.hook)
    stack.known(receiver.hook, wake_at=stack.now())
    receiver.statuses = [410]
    between.chosen = lambda write: write.collection is DELIVERIES

    def gone() -> None:
        stack.wake(stack.planned(receiver.hook))

    between.then = gone
    hold_all = threading.Event()

    def hold() -> None:
        while not hold_all.is_set():
            stack.sweeper.run()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        try:
            releasing.releaser.run()
        finally:
            hold_all.set()
        holding.result()
    assert between.fired == 1
    assert between.finds <= 3
    stack.sweeper.run()
    assert states(stack, rows) == {State.HELD}
    assert len(receiver.posts) == 1


def test_what_is_being_redelivered_is_released_later(
    stack: Stack, receiver: Receiver, between: Between
) -> None:
    """A held row under a live lease cannot be released: looking again at once would spin."""
    brief = Stack(between, timing=BRIEF)
    (row,) = held(stack, 1, receiver.hook)
    stack.webhooks.redeliver("local", row.webhook_id)
    stack.take(row.webhook_id, "busy")
    stack.known(receiver.hook, wake_at=stack.now())
    brief.releaser.run()
    assert between.finds <= 4
    assert states(stack, [row]) == {State.HELD}
    assert stack.endpoint(receiver.hook).wake_at is not None
    stack.until_due(row.webhook_id)
    wait_for(lambda: brief.releaser.run() and states(stack, [row]) == {State.PENDING})


class NoEndpoints(FirestoreStore):
    """Firestore that takes no writes to endpoints while ``away`` says so."""

    def __init__(self, project: str) -> None:
        super().__init__(project)
        self.away = True
        self.refused = 0

    def commit(self, *writes: Create[Any] | Update[Any]) -> datetime:
        if self.away and any(write.collection is ENDPOINTS for write in writes):
            self.refused += 1
            raise CommitUnclear("away")
        return super().commit(*writes)

    def get(self, collection: Collection[T], doc_id: str) -> Snapshot[T]:
        if self.refused and self.away and collection is ENDPOINTS:
            raise StoreUnavailable("away")
        return super().get(collection, doc_id)


def test_nothing_is_held_before_its_endpoint_is_disabled(
    stack: Stack, receiver: Receiver, project: str
) -> None:
    store = NoEndpoints(project)
    broken = Stack(store, timing=BRIEF)
    receiver.statuses = [410]
    row = broken.planned(receiver.hook)
    with pytest.raises(StoreUnavailable):
        broken.wake(row)
    assert store.refused == 1
    assert states(stack, [row]) == {State.PENDING}
    store.away = False
    stack.until_due(row.webhook_id)
    broken.wake(row)
    assert states(stack, [row]) == {State.HELD}
    assert stack.endpoint(receiver.hook).reason == "gone"
    store.close()


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
    slow = Stack(stack.store, scale=0.1)  # the second one is due after 0.55 s
    rows = slow.many(MOST_OPEN, receiver.hook)
    took = slow.wake_all(rows)
    assert len(receiver.posts) == MOST_OPEN + MOST_OPEN_FAILING
    assert sum(seconds > 0.5 for seconds in took) == MOST_OPEN_FAILING


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
