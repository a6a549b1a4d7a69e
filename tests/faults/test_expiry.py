"""A whole stack whose model has no quota left: every track ends at its deadline, unpaid."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.rig import Rig

PARKED = 50


def test_parked_tracks_expire_unpaid_and_are_announced_once(rig: Rig) -> None:
    rig.fault("vertex", {"match": {}, "action": {"error": "quota"}, "count": 100_000})
    tracks = [rig.submit(expires_in_seconds=3) for _ in range(PARKED)]
    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(lambda sent: rig.ended(sent.id), tracks))
    assert [body["status"] for body in ended] == ["expired"] * PARKED
    assert {body["error"]["code"] for body in ended} == {"deadline_exceeded"}
    assert rig.fired("vertex") > 0, "none of them was parked"
    for sent in tracks:
        assert rig.paid(sent) == []
        assert len(rig.hooked(sent)) == 1
        document = rig.settled(sent.id)
        assert [a["status"] for a in document["announcements"]] == ["expired"]
        assert [row["billed_usd"] for row in rig.usage(sent.id)] == [0.0]
