"""Workers that die, hang or refuse: the track is overtaken, or ended after ten claims."""

import time
import uuid
from pathlib import Path

import pytest

from services.ingest.tracks.asked import keyed
from tests.faults.conftest import SCALE
from tests.support.rig import Rig
from tests.support.rigs import FAST, running_rig
from tests.support.waiting import wait_for

REFUSALS = 20
CLAIM_LIFE = 480 + 90 + 60
"""Budget, lease and one sweep, in unscaled seconds."""


@pytest.mark.faults
def test_ten_dead_claims_fail_the_track_and_a_retry_completes_it(rig: Rig) -> None:
    rig.arm("after_each_claim", "kill", count=100)
    sent = rig.submit()
    assert rig.ended(sent.id, 300)["error"]["code"] == "internal"
    assert len(rig.shots("after_each_claim")) == 10
    assert rig.document(sent.id)["attempts"] == 10
    assert [h["body"].count("track.failed") for h in rig.hooked(sent)] == [1]
    assert rig.paid(sent) == []
    rig.disarm()
    assert rig.post(sent.id, "retry").status_code == 202
    assert rig.ended(sent.id)["status"] == "completed"
    assert len(rig.paid(sent)) == 1
    assert len(rig.usage(sent.id)) == 2


@pytest.mark.faults
def test_a_worker_that_hangs_for_ever_is_overtaken(rig: Rig) -> None:
    rig.arm("after_mastering", "hang")
    start = time.monotonic()
    sent = rig.submit()
    assert rig.ended(sent.id, 90)["status"] == "completed"
    assert time.monotonic() - start <= CLAIM_LIFE * SCALE + 5  # the work itself
    assert len(rig.shots("after_mastering")) == 1
    assert len(rig.paid(sent)) == 1
    assert rig.document(sent.id)["epoch"] == 3


@pytest.mark.faults
def test_a_late_worker_is_fenced_off(rig: Rig) -> None:
    rig.arm("before_renewal", "sleep", count=1, seconds=15)
    rig.arm("after_mastering", "sleep", count=1, seconds=9)
    rig.arm("before_finish", "sleep", count=1, seconds=8)
    sent = rig.submit()
    assert rig.ended(sent.id)["status"] == "completed"
    wait_for(lambda: len(rig.shots()) == 3)
    time.sleep(2)  # what the late worker would do, it does now
    fired = {shot.name.split(".")[0] for shot in rig.shots()}
    assert fired == {"before_renewal", "after_mastering", "before_finish"}
    (audio,) = rig.document(sent.id)["result"]["audio"]
    blob = rig.storage().bucket(rig.info["output_bucket"]).get_blob(f"audio/{sent.id}.wav")
    assert blob.generation == audio["generation"]
    assert len(rig.paid(sent)) == 1
    assert len(rig.usage(sent.id)) == 1


def test_a_generator_that_refuses_every_push_loses_no_track(rig: Rig) -> None:
    keys = [uuid.uuid4().hex for _ in range(2)]
    ids = "|".join(str(keyed("local", key)) for key in keys)
    match = {"hop": "requests", "request_id": ids}
    rig.fault("relay", {"match": match, "action": {"status": 503}, "count": REFUSALS})
    tracks = [rig.submit(key=key) for key in keys]
    wait_for(lambda: rig.fired("relay") == REFUSALS, 200)
    for sent in tracks:
        assert rig.ended(sent.id, 120)["status"] == "completed"


HOUR_SCALE = 0.01


@pytest.mark.faults
def test_an_hour_of_refused_pushes_loses_no_track(tmp_path: Path) -> None:
    with running_rig(tmp_path, {**FAST, "TIME_SCALE": str(HOUR_SCALE)}) as rig:
        refuse = {"match": {"hop": "requests"}, "action": {"status": 503}, "count": -1}
        rig.fault("relay", refuse)
        tracks = [rig.submit() for _ in range(4)]
        time.sleep(3600 * HOUR_SCALE)
        assert rig.fired("relay") >= len(tracks) * 10
        assert {rig.get(sent.id)["status"] for sent in tracks} == {"queued"}
        rig.calm("relay")
        for sent in tracks:
            assert rig.ended(sent.id)["status"] == "completed"
            rig.hooked(sent)
