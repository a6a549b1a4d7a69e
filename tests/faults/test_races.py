"""Cancels and deadlines against a track in every state: one ending, whoever wins."""

import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.rig import ENDED, Rig, Sent

RACES = int(os.environ.get("RACES", "12"))


def one_ending(rig: Rig, sent: Sent) -> str:
    status: str = rig.ended(sent.id)["status"]
    document = rig.settled(sent.id)
    assert [a["status"] for a in document["announcements"]] == [status]
    assert [row["status"] for row in rig.usage(sent.id)] == [status]
    assert len(rig.hooked(sent)) == 1
    return status


@pytest.mark.faults
@pytest.mark.parametrize("state", ["queued", "parked", "running", "finishing"])
def test_cancel_races(rig: Rig, state: str) -> None:
    if state == "parked":
        quota = {"match": {}, "action": {"error": "quota"}, "count": RACES}
        rig.fault("vertex", quota)
    if state == "running":
        rig.fault("vertex", {"match": {}, "action": {"delay": 1.0}, "count": RACES})
    if state == "finishing":
        rig.arm("before_finish", "sleep", count=RACES, seconds=0.5)

    def race(_: int) -> tuple[Sent, set[str]]:
        sent = rig.submit()
        with ThreadPoolExecutor(3) as pool:
            posts = list(pool.map(lambda _: rig.post(sent.id, "cancel"), range(3)))
        return sent, {post.json()["result"] for post in posts}

    with ThreadPoolExecutor(6) as pool:
        for sent, answers in pool.map(race, range(RACES)):
            status = one_ending(rig, sent)
            if "cancelled" in answers or "cancelling" in answers:
                assert status == "cancelled", answers
            else:
                assert status in ENDED


@pytest.mark.faults
def test_deadline_races(rig: Rig) -> None:
    rig.fault("vertex", {"match": {}, "action": {"error": "quota"}, "count": RACES})
    chance = random.Random(7)

    def race(_: int) -> str:
        return one_ending(rig, rig.submit(expires_in_seconds=chance.choice((1, 1, 2, 3))))

    with ThreadPoolExecutor(6) as pool:
        endings = list(pool.map(race, range(RACES)))
    assert set(endings) <= {"completed", "expired"}
    assert "expired" in endings
