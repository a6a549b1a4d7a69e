"""kill -9 of the notifier at each stage of a delivery: nothing is lost, no POST too many."""

import os
import signal
import sys
import uuid
from bisect import bisect
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from deploy.local.http import Request, Response, Server
from services.notifier.delivery import NO_RESULT, SCHEDULE
from shared.timing import Timing
from shared.webhooks import Attempt, Delivery, State
from tests.faults.conftest import SCALE
from tests.support.ended import Deliveries, Post, deliveries
from tests.support.rig import Rig
from tests.support.rigs import FAST, running_rig
from tests.support.waiting import wait_for

DELIVERIES = 2 * int(os.environ.get("RACES", "4"))
KILLS = int(os.environ.get("KILLS", str(max(2, DELIVERIES // 5))))
"""Far fewer than deliveries: one kill may meet several that have just reached the stage."""
STAGES = (
    "before_delivery_recorded",
    "after_delivery_recorded",
    "after_take_attempt",
    "after_webhook_sent",
    "after_attempt_recorded",
)
TIMING = Timing().scaled(SCALE)
AT_ONCE = 8
MOST_POSTS = 2
"""Of one attempt."""
SECONDS = 120


@pytest.fixture(scope="module")
def rig_of_hooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """All gaps of the schedule together last 27 s."""
    folder = tmp_path_factory.mktemp("hooks")
    quick = {**FAST, "TIME_SCALE": str(SCALE), "WEBHOOK_TIME_SCALE": "0.0001"}
    with running_rig(folder, quick) as rig:
        yield rig


@pytest.fixture
def hooks(rig_of_hooks: Rig) -> Iterator[Deliveries]:
    with deliveries(rig_of_hooks, TIMING) as hooks:
        yield hooks
    rig_of_hooks.disarm()
    for marker in (rig_of_hooks.failpoints / "fired").iterdir():
        marker.unlink()


def rush(hooks: Deliveries, count: int) -> list[Delivery]:
    """*count* deliveries, a few at once, each to a receiver of its own."""

    def one(_: int) -> Delivery:
        url = f"{hooks.rig.info['webhook_sink']}/hook/{uuid.uuid4().hex}"
        return hooks.over(hooks.publish(url), SECONDS)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(count)))


def arrived(hooks: Deliveries, rows: Sequence[Delivery]) -> list[int]:
    """Every row was delivered as it must be; the number of POSTs of each."""
    posts = hooks.posts()
    for row in rows:
        assert row.state is State.DELIVERED, row
        assert [a.recorded for a in hooks.track(row).announcements] == [True]
        assert [a.code for a in row.attempts] == [NO_RESULT] * (len(row.attempts) - 1) + [""]
        same(row, posts[row.webhook_id], hooks.rig.info["webhook_secret"])
        counts = per_attempt(row.attempts, posts[row.webhook_id])
        assert counts[-1] >= 1, counts
        assert max(counts) <= MOST_POSTS, counts
    return [len(posts[row.webhook_id]) for row in rows]


def same(row: Delivery, posts: Sequence[Post], secret: str) -> None:
    """One id and one body, signed anew each time."""
    assert {post["body"] for post in posts} == {row.body.decode()}
    for post in posts:
        assert post["headers"]["webhook-id"] == row.webhook_id
        Webhook(secret).verify(post["body"], post["headers"])


def per_attempt(attempts: Sequence[Attempt], posts: Sequence[Post]) -> list[int]:
    """How many POSTs were made in the window of each attempt.

    One without a result ends with its last lease; nobody may start the next one before.
    """
    ends = [a.started_at.timestamp() + TIMING.delivery_lease for a in attempts[:-1]]
    counts = [0] * len(attempts)
    for post in posts:
        counts[bisect(ends, post["time"])] += 1
    return counts


@pytest.mark.timeout(600)
def test_kills_at_every_stage_at_once(hooks: Deliveries) -> None:
    for stage in STAGES:
        hooks.rig.arm(stage, "kill", count=2)
    arrived(hooks, rush(hooks, DELIVERIES))
    # One kill may meet several deliveries at its stage, and leave none for the second.
    assert all(len(hooks.rig.shots(stage)) >= 1 for stage in STAGES)


@pytest.mark.faults
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("stage", STAGES)
def test_kill(hooks: Deliveries, stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    hooks.rig.arm(stage, "kill", count=KILLS)
    posts = arrived(hooks, rush(hooks, DELIVERIES))
    fired = len(hooks.rig.shots(stage))
    with capsys.disabled():
        sys.stdout.write(f" {stage}: {fired} kills, {DELIVERIES} deliveries, {sum(posts)} POSTs ")
    assert fired == KILLS
    if stage == "after_webhook_sent":
        assert sum(posts) >= DELIVERIES + KILLS


class Crasher:
    """A receiver whose every POST kills the notifier, as often as it is told, before its answer."""

    def __init__(self, arbiter: int, crashes: int) -> None:
        self._children = Path(f"/proc/{arbiter}/task/{arbiter}/children")
        self._left = crashes
        self.posts: list[tuple[str, bytes]] = []
        self.server = Server(self._answer)

    def _answer(self, request: Request) -> Response:
        self.posts.append((request.headers["webhook-id"], request.body))
        if len(self.posts) <= self._left:
            (worker,) = map(int, self._children.read_text().split())
            os.kill(worker, signal.SIGKILL)
            wait_for(lambda: str(worker) not in self._children.read_text().split())
        return Response(204)


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("crashes", "attempts"),
    [
        (5, [NO_RESULT, NO_RESULT, ""]),
        pytest.param(1000, [NO_RESULT] * len(SCHEDULE), marks=pytest.mark.soak),
    ],
    ids=["first five", "all"],
)
def test_a_receiver_that_crashes_the_notifier_gets_two_posts_per_attempt(
    hooks: Deliveries, crashes: int, attempts: list[str]
) -> None:
    crasher = Crasher(hooks.rig.stack.pid("notifier"), crashes)
    with crasher.server:
        row = hooks.over(hooks.publish(crasher.server.url), 300)
    assert [a.code for a in row.attempts] == attempts
    assert row.state is (State.EXHAUSTED if attempts[-1] else State.DELIVERED)
    assert len(crasher.posts) == MOST_POSTS * len(attempts)
    assert set(crasher.posts) == {(row.webhook_id, row.body)}
    starts = [a.started_at for a in row.attempts]
    assert all(earlier < later for earlier, later in pairwise(starts))
