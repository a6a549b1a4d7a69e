"""Endpoints: how they do, disabled and enabled, and how many attempts may be open at one."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifier.health import MOST_FAILING_SECONDS
from shared import live
from shared.errors import CommitUnclear, StoreUnavailable
from shared.gcp.firestore import FirestoreStore
from shared.messages import encode
from shared.ports import Collection, Snapshot, T, Update, Write
from shared.timing import Timing
from shared.webhooks import DELIVERIES, ENDPOINTS, Delivery, State
from tests.support.receiver import (
    BRIEF,
    SCALE,
    Away,
    Receiver,
    Stack,
    document,
    push,
    states,
)
from tests.support.tracks import stored_track
from tests.support.waiting import wait_for

FIVE_DAYS = timedelta(seconds=MOST_FAILING_SECONDS * SCALE)


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


def test_a_live_event_is_sent_once_also_when_its_410_cannot_be_noted(
    stack: Stack, receiver: Receiver, project: str
) -> None:
    away = Away(project)
    stack = Stack(away)
    receiver.statuses = [410]
    request_id = stored_track(away, callback_url=receiver.hook, callback_events=("track.running",))
    told = live.event(document(stack.store, request_id), "running", stack.now())

    def leave() -> None:
        away.away = True

    receiver.on_post = leave
    stack.notifier.handle(push(encode(told)))
    assert away.refused
    assert len(receiver.posts) == 1
    away.close()


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

    chosen: Callable[[Write], bool]
    then: Callable[[], object]

    def __init__(self, project: str) -> None:
        super().__init__(project)
        self.chosen = lambda _: False
        self.then = lambda: None
        self.fired = 0
        self.finds = 0

    def commit(self, *writes: Write) -> datetime:
        if not self.fired and any(map(self.chosen, writes)):
            self.fired += 1
            self.then()
        return super().commit(*writes)

    def find(self, *args: Any, **kwargs: Any) -> Any:
        self.finds += 1
        return super().find(*args, **kwargs)


def holds(write: Write) -> bool:
    return isinstance(write, Update) and getattr(write.value, "state", None) is State.HELD


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

    def commit(self, *writes: Write) -> datetime:
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


def test_what_was_left_behind_is_found_when_it_is_enabled_once_more(
    stack: Stack, receiver: Receiver
) -> None:
    (row,) = held(stack, 1, receiver.hook)
    stack.known(receiver.hook)
    stack.endpoints.enable("local", row.endpoint_id)
    assert stack.releaser.run() == {"woken": 1, "failed": 0}
    assert states(stack, [row]) == {State.PENDING}


def test_a_release_leaves_the_rest_to_the_next_pass(stack: Stack, receiver: Receiver) -> None:
    brief = Stack(stack.store, timing=Timing().scaled(0.003))
    rows = held(stack, 450, receiver.hook)
    stack.known(receiver.hook, wake_at=stack.now())
    brief.releaser.run()
    assert states(stack, rows) == {State.PENDING, State.HELD}
    assert stack.endpoint(receiver.hook).wake_at is not None
    wait_for(lambda: brief.releaser.run() and states(stack, rows) == {State.PENDING}, 60)
    assert stack.endpoint(receiver.hook).wake_at is None
