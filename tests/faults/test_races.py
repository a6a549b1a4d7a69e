"""Cancels and deadlines against a track in every state: one ending, whoever wins."""

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.rig import Rig, Sent
from tests.support.waiting import wait_for

RACES = int(os.environ.get("RACES", "4"))
STATES = {
    "queued": {"status": "queued"},
    "parked": {"park": "quota"},
    "running": {"stage": "generating"},
    "finishing": {"stage": "storing"},
}


def one_ending(rig: Rig, sent: Sent) -> str:
    status: str = rig.ended(sent.id)["status"]
    document = rig.settled(sent.id)
    assert [a["status"] for a in document["announcements"]] == [status]
    assert [row["status"] for row in rig.usage(sent.id)] == [status]
    assert len(rig.hooked(sent)) == 1
    return status


def hold(rig: Rig, state: str) -> None:
    """Make tracks stay in *state* for long enough to be met there."""
    if state == "parked":
        rig.fault("vertex", {"match": {}, "action": {"error": "quota"}, "count": RACES})
    if state == "running":
        rig.fault("vertex", {"match": {}, "action": {"delay": 1.0}, "count": RACES})
    if state == "finishing":
        rig.arm("before_finish", "sleep", count=RACES, seconds=0.3)


@pytest.mark.parametrize("state", STATES)
def test_cancel_races(rig: Rig, state: str) -> None:
    hold(rig, state)
    chance = random.Random(state)

    def race(pause: float) -> tuple[str, set[str]]:
        sent = rig.submit()
        wanted = STATES[state].items()
        wait_for(lambda: wanted <= {k: v or "" for k, v in state_of(rig, sent).items()}.items())
        time.sleep(pause)
        with ThreadPoolExecutor(3) as pool:
            posts = list(pool.map(lambda _: rig.post(sent.id, "cancel"), range(3)))
        return one_ending(rig, sent), {post.json()["result"] for post in posts}

    def state_of(rig: Rig, sent: Sent) -> dict[str, str]:
        document = rig.document(sent.id)
        return {name: document[name] for name in ("status", "park", "stage")}

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(race, [chance.uniform(0, 0.1) for _ in range(RACES)]))
    for status, answers in seen:
        assert (status == "cancelled") == bool(answers & {"cancelled", "cancelling"})
    granted = set.union(*(answers for _, answers in seen))
    assert granted & {"cancelled", "cancelling"}


@pytest.mark.parametrize("state", STATES)
def test_deadline_races(rig: Rig, state: str) -> None:
    hold(rig, state)
    if state == "queued":
        late = {"match": {"hop": "requests"}, "action": {"delay": 1.0}, "count": RACES}
        rig.fault("relay", late)
    chance = random.Random(state)

    def race(seconds: int) -> str:
        return one_ending(rig, rig.submit(expires_in_seconds=seconds))

    with ThreadPoolExecutor(4) as pool:
        endings = list(pool.map(race, [chance.choice((1, 1, 1, 2)) for _ in range(RACES)]))
    assert set(endings) <= {"completed", "expired"}
    if state in ("queued", "parked"):
        assert "expired" in endings


def test_a_deadline_passes_while_the_last_call_runs(rig: Rig) -> None:
    """What is fully paid is finished, deadline or not."""
    rig.fault("vertex", {"match": {}, "action": {"delay": 2.0}, "count": 1})
    sent = rig.submit(expires_in_seconds=1)
    assert one_ending(rig, sent) == "completed"
    assert len(rig.paid(sent)) == 1
