"""One dead receiver beside nine that are well: it takes two threads, and none of their time."""

import os
import random
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from services.notifier.delivery import TIMEOUT
from shared.timing import Timing
from shared.webhooks import Delivery, State
from tests.faults.conftest import SCALE
from tests.support.ended import Deliveries, deliveries
from tests.support.rig import Rig
from tests.support.waiting import wait_for

EACH = min(100, 10 * int(os.environ.get("RACES", "4")))
WELL = 9
MOST_OPEN, MOST_OPEN_FAILING = 16, 2
"""Attempts at one endpoint, before and after one has failed."""
TIMING = Timing().scaled(SCALE)
PATIENCE = 120


@pytest.fixture
def hooks(rig: Rig) -> Iterator[Deliveries]:
    with deliveries(rig, TIMING) as hooks:
        yield hooks


@dataclass(frozen=True)
class Receivers:
    """Paths of the sink; each is an endpoint."""

    dead: str
    well: Sequence[str]


@pytest.fixture
def receivers(rig: Rig) -> Receivers:
    """The dead one accepts, and answers long after everybody has gone."""
    dead, *well = (f"/hook/{uuid.uuid4().hex}" for _ in range(1 + WELL))
    rig.fault("webhook_sink", {"match": {"path": dead}, "action": {"delay": 60}, "count": -1})
    return Receivers(dead, well)


def published(hooks: Deliveries, receivers: Receivers) -> dict[str, str]:
    """``webhook-id`` -> path of ``EACH`` deliveries to every receiver, in any order."""
    paths = [receivers.dead, *receivers.well] * EACH
    random.Random(1).shuffle(paths)

    def one(path: str) -> tuple[str, str]:
        return hooks.publish(hooks.rig.info["webhook_sink"] + path), path

    with ThreadPoolExecutor(8) as pool:
        return dict(pool.map(one, paths))


def held(times: Sequence[float], seconds: float) -> int:
    """How many were open at once, at most, when each stays so for *seconds*."""
    changes = sorted([*((at, 1) for at in times), *((at + seconds, -1) for at in times)])
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_a_dead_receiver_takes_two_threads_and_loses_nothing(
    hooks: Deliveries, receivers: Receivers
) -> None:
    rig = hooks.rig
    # Without sweeps: who is well needs none.
    rig.fault("relay", {"match": {"hop": "sweep"}, "action": {"throw_away": True}, "count": -1})
    sent = published(hooks, receivers)
    for webhook, path in sent.items():
        if path != receivers.dead:
            once(hooks.over(webhook, PATIENCE))
    assert rig.fired("relay") > 0

    rig.calm("relay")
    posts = wait_for(lambda: later(hooks, receivers.dead), PATIENCE)
    window = TIMING.webhook_attempt
    assert held([at for at in posts if at < posts[0] + window], window) <= MOST_OPEN
    # Requests that began before the first of them had timed out may last one window longer.
    assert held([at for at in posts if at > posts[0] + 2 * window], 0.9 * window) <= (
        MOST_OPEN_FAILING
    )
    assert rig.fired("webhook_sink") == len(posts)

    rig.calm("webhook_sink")
    for webhook, path in sent.items():
        if path == receivers.dead:
            row = hooks.over(webhook, PATIENCE)
            assert row.state is State.DELIVERED
            assert {a.code for a in row.attempts[:-1]} <= {TIMEOUT}


def once(row: Delivery) -> None:
    """Delivered by its first attempt."""
    assert row.state is State.DELIVERED
    assert [a.number for a in row.attempts] == [1]


def later(hooks: Deliveries, path: str) -> list[float]:
    """When POSTs came to *path*, once some have come well after the first ones had timed out."""
    found = [p["time"] for posts in hooks.posts().values() for p in posts if p["path"] == path]
    return found if found and found[-1] > found[0] + 8 * TIMING.webhook_attempt else []
