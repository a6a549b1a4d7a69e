"""A model of one delivery under random schedules of deaths, pauses and crossing calls.

The actors do what ``sender``, ``releaser`` and the API do, step by step between two accesses to
the store, with the real rules of ``delivery`` and ``health``. Each rule that is taken out must
make an invariant fail.
"""

import random
from collections import Counter
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from services.notifier import delivery, health
from services.notifier.delivery import Answer
from shared.timing import Timing
from shared.webhooks import Delivery, Endpoint, State

START: Final = datetime(2026, 1, 2, tzinfo=UTC)
TIMING: Final = Timing()
RUNS: Final = 1500
STEPS: Final = 60

Actor = Generator[None, None, None]


class World:
    """One row, one endpoint, and who works on them."""

    def __init__(self, seed: int, *, without: str = "") -> None:
        self.random = random.Random(seed)
        self.without = without
        self.now = START
        self.row = Delivery(
            webhook_id="msg_x", event_id="r:1:completed", request_id="r", tenant="t",
            type="track.completed", endpoint_id="ep_x", url="https://h.example/", body=b"{}",
            created_at=START, since=START, next_at=START, wake_at=START,
        )  # fmt: skip
        self.endpoint = Endpoint(
            endpoint_id="ep_x", tenant="t", url="https://h.example/", created_at=START
        )
        self.posts: Counter[int] = Counter()
        self.answers = ["500", "500", "410", "200", "dns"]
        self.wishes = self.granted = self.nonce = 0

    def attempt(self) -> Actor:
        seen = self.row
        if not self._due(seen):
            return
        yield
        endpoint = self.endpoint
        yield
        yield
        yield
        if endpoint.disabled_at and not seen.redeliver_at:
            self._hold(seen, endpoint)
            return
        self.nonce += 1
        holder, before = str(self.nonce), self.row
        if before is not seen and not self._due(before):
            return
        if before.starts >= delivery.MAX_STARTS and self.without != "starts":
            self.row = self._failed(before, Answer(code=delivery.NO_RESULT))
            return
        taken = self.row = delivery.taken(before, holder, self.now, TIMING)
        yield
        yield from self._post(taken)

    def _hold(self, seen: Delivery, endpoint: Endpoint) -> None:
        same = self.endpoint is endpoint or self.without == "both in one"
        if self.row is seen and same:
            self.row = delivery.held(seen)

    def _post(self, taken: Delivery) -> Actor:
        word = self.random.choice(self.answers)
        if word != "dns":
            self.posts[len(taken.attempts)] += 1
        code = delivery.DNS_UNAVAILABLE if word == "dns" else ""
        answer = Answer(status=int(word) if word.isdigit() else 0, code=code)
        yield
        early = self.without != "disable first"
        gone = answer.gone and not taken.redeliver_at
        if gone and early:
            self._disable()
            yield
        self._record(taken, answer)
        yield
        if gone and not early:
            self._disable()

    def _disable(self) -> None:
        self.endpoint = health.after_failure(self.endpoint, self.now, gone=True, scale=1)

    def _record(self, taken: Delivery, answer: Answer) -> None:
        row = self.row
        ours = (row.holder, len(row.attempts)) == (taken.holder, len(taken.attempts))
        late = not answer.accepted or row.state is State.DELIVERED
        if self.without != "lease" and not ours and late:
            return
        if answer.trouble:
            self.row = delivery.troubled(row, self.now, scale=1, jitter=0)
        elif answer.accepted:
            attempt = answer.attempt(row, self.now)
            self.row = delivery.succeeded(row, attempt, self.now)
        else:
            self.row = self._failed(row, answer)

    def _failed(self, row: Delivery, answer: Answer) -> Delivery:
        attempt = answer.attempt(row, self.now)
        return delivery.failed(row, attempt, answer, self.now, scale=1, jitter=0)

    def enable(self) -> Actor:
        if self.endpoint.disabled_at:
            self.endpoint = replace(
                self.endpoint, disabled_at=None, failing_since=None, reason="", wake_at=self.now
            )
        return
        yield

    def gone(self) -> Actor:
        """Another delivery to the same endpoint was answered 410."""
        self._disable()
        return
        yield

    def release(self) -> Actor:
        moved = self.endpoint
        if moved.wake_at is None or moved.wake_at > self.now:
            return
        later = None if moved.disabled_at else self.now + timedelta(seconds=TIMING.wake)
        moved = self.endpoint = replace(moved, wake_at=later)
        yield
        while self.row.state is State.HELD:
            if self.row.live(self.now):
                return
            self.row = delivery.released(self.row, self.now)
            yield
        if self.endpoint is moved:
            self.endpoint = replace(moved, wake_at=None)

    def redeliver(self) -> Actor:
        if not self.row.live(self.now) and self.row.redeliver_at is None and self.wishes < 5:
            self.wishes += 1
            self.row = replace(self.row, redeliver_at=self.now, wake_at=self.now)
        return
        yield

    def _due(self, row: Delivery) -> bool:
        at = delivery.wanted(row)
        return at is not None and at <= self.now and not row.live(self.now)

    def chaos(self) -> None:
        actors: list[Actor] = []
        makers = [self.attempt, self.attempt, self.attempt, self.enable, self.release]
        for _ in range(STEPS):
            choice = self.random.random()
            if choice < 0.25:
                actors.append(self.random.choice([*makers, self.redeliver, self.gone])())
            elif choice < 0.35:
                self.now += timedelta(seconds=self.random.choice([1, 20, 40, 400, 20_000]))
            elif choice < 0.38 and actors:
                actors.pop(self.random.randrange(len(actors)))  # a death
            elif actors:
                self._step(actors)

    def _step(self, actors: list[Actor]) -> None:
        actor = self.random.choice(actors)
        if next(actor, actor) is actor:
            actors.remove(actor)

    def calm(self) -> None:
        """Sweeps come, the endpoint is enabled; the receiver takes all, or never anything."""
        self.answers = [self.random.choice(["200", "200", "500"])]
        for make in [self.enable, *[self.release, self.attempt] * 30]:
            self.now = max([self.now, *filter(None, (self.row.wake_at, self.endpoint.wake_at))])
            for _ in make():
                pass


def lived(seed: int, *, without: str = "") -> World:
    world = World(seed, without=without)
    world.chaos()
    world.calm()
    return world


def wrong(world: World) -> str:  # noqa: PLR0911 - one for each invariant
    row, most = world.row, delivery.MAX_STARTS
    if row.state not in (State.DELIVERED, State.EXHAUSTED):
        return f"{row.state} for ever"
    if row.wake_at or row.next_at or row.redeliver_at:
        return "still waits for something"
    if any(count > most for count in world.posts.values()):
        return "too many POSTs of one attempt"
    if sum(not a.redelivery for a in row.attempts) > len(delivery.SCHEDULE) + world.wishes:
        return "too many attempts"
    if [a.number for a in row.attempts] != list(range(1, len(row.attempts) + 1)):
        return "attempts are not numbered"
    accepted = any(200 <= a.status < 300 for a in row.attempts)
    if accepted != (row.state is State.DELIVERED):
        return "delivered, and not"
    return ""


def test_nothing_is_lost_and_nothing_sent_too_often() -> None:
    for seed in range(RUNS):
        assert wrong(lived(seed)) == "", seed


@pytest.mark.parametrize("rule", ["starts", "both in one", "lease"])
def test_each_rule_is_needed(rule: str) -> None:
    assert any(wrong(lived(seed, without=rule)) for seed in range(RUNS * 4))


def test_the_chaos_reaches_what_it_is_for() -> None:
    worlds = [lived(seed) for seed in range(RUNS)]
    seen: Counter[Any] = Counter()
    for world in worlds:
        seen.update(a.code or a.status for a in world.row.attempts)
        seen["redelivery"] += any(a.redelivery for a in world.row.attempts)
        seen["two posts"] += any(count == 2 for count in world.posts.values())
        seen[world.row.state] += 1
    for what in (200, 500, "gone", "no_result", "redelivery", "two posts", State.EXHAUSTED):
        assert seen[what], what
