"""Messages that are lost, repeated or broken on their way."""

import uuid

import pytest

from services.ingest.tracks.asked import keyed
from tests.support.rig import Rig
from tests.support.waiting import wait_for


def on_the_way(rig: Rig, action: dict[str, object], *hops: str) -> str:
    """Arm *action* for the next message of one track on each of *hops*; return its key."""
    key = uuid.uuid4().hex
    mine = {"request_id": str(keyed("local", key))}
    rules = [
        {"match": {"hop": hop, **({} if hop == "sweep" else mine)}, "action": action, "count": 1}
        for hop in hops
    ]
    rig.fault("relay", *rules)
    return key


@pytest.mark.parametrize("hop", ["requests", "events"])
def test_a_message_thrown_away_costs_time_not_the_track(rig: Rig, hop: str) -> None:
    sent = rig.submit(key=on_the_way(rig, {"throw_away": True}, hop))
    assert rig.ended(sent.id)["status"] == "completed"
    rig.hooked(sent)
    assert rig.fired("relay") == 1
    assert len(rig.paid(sent)) == 1


def test_all_three_hops_lose_one_at_once(rig: Rig) -> None:
    sent = rig.submit(key=on_the_way(rig, {"throw_away": True}, "requests", "events", "sweep"))
    assert rig.ended(sent.id)["status"] == "completed"
    rig.hooked(sent)
    wait_for(lambda: rig.fired("relay") == 3)
    assert len(rig.paid(sent)) == 1


def test_twenty_copies_at_once_are_one_track(rig: Rig) -> None:
    sent = rig.submit(key=on_the_way(rig, {"duplicate": 20}, "requests", "events"))
    assert rig.ended(sent.id)["status"] == "completed"
    hooks = rig.hooked(sent)
    rig.settled(sent.id)
    assert rig.fired("relay") == 2
    assert len(rig.paid(sent)) == 1
    assert len(hooks) == 1
    assert len(rig.usage(sent.id)) == 1
    assert len(rig.document(sent.id)["announcements"]) == 1
