"""Messages that are lost, repeated or broken."""

import pytest

from tests.support.rig import Rig
from tests.support.waiting import wait_for

HOPS = ("requests", "events", "sweep")


@pytest.mark.faults
@pytest.mark.parametrize("hop", ["requests", "events"])
def test_a_message_thrown_away_costs_time_not_the_track(rig: Rig, hop: str) -> None:
    before = rig.fired("relay")
    rig.fault("relay", {"match": {"hop": hop}, "action": {"throw_away": True}, "count": 1})
    sent = rig.submit()
    assert rig.ended(sent.id)["status"] == "completed"
    rig.hooked(sent)
    assert rig.fired("relay") == before + 1
    assert len(rig.paid(sent)) == 1


@pytest.mark.faults
def test_all_three_hops_lose_one_at_once(rig: Rig) -> None:
    before = rig.fired("relay")
    rules = [{"match": {"hop": hop}, "action": {"throw_away": True}, "count": 1} for hop in HOPS]
    rig.fault("relay", *rules)
    sent = rig.submit()
    assert rig.ended(sent.id)["status"] == "completed"
    rig.hooked(sent)
    wait_for(lambda: rig.fired("relay") == before + 3)
    assert len(rig.paid(sent)) == 1


@pytest.mark.faults
def test_twenty_copies_at_once_are_one_track(rig: Rig) -> None:
    before = rig.fired("relay")
    rules = [
        {"match": {"hop": hop}, "action": {"duplicate": 20}, "count": 1}
        for hop in ("requests", "events")
    ]
    rig.fault("relay", *rules)
    sent = rig.submit()
    assert rig.ended(sent.id)["status"] == "completed"
    hooks = rig.hooked(sent)
    rig.settled(sent.id)
    assert rig.fired("relay") == before + 2
    assert len(rig.paid(sent)) == 1
    assert len(hooks) == 1
    assert len(rig.usage(sent.id)) == 1
    assert len(rig.document(sent.id)["announcements"]) == 1
