"""kill -9 of a service at each failpoint: all tracks complete, nothing is paid for twice."""

import hashlib
import os
import sys
from typing import Any

import pytest

from tests.support.ffmpeg import decode
from tests.support.rig import Rig, Sent, unpaid_for_nothing

TRACKS = int(os.environ.get("KILL_TRACKS", "10"))
KILLS = int(os.environ.get("KILLS", "2"))
FAILPOINTS = {
    "ingest": ["after_submit_commit", "after_publish_request"],
    "generator": [
        "after_claim",
        "before_model_call",
        "after_model_reply",
        "after_clip_stored",
        "after_mastering",
        "after_audio_stored",
        "after_metadata_stored",
        "before_finish",
        "generator_after_end",
        "after_publish_event",
    ],
    "notifier": [
        "before_delivery_recorded",
        "after_delivery_recorded",
        "after_take_attempt",
        "after_webhook_sent",
    ],
}

STAGES = [name for names in FAILPOINTS.values() for name in names]


def completed(rig: Rig, tracks: list[Sent], clips: int = 1) -> None:
    """All tracks completed, announced once, called back with one id and one body, paid once."""
    for sent in tracks:
        assert rig.ended(sent.id)["status"] == "completed"
    for sent in tracks:
        rig.hooked(sent)
        document = rig.settled(sent.id)
        assert [a["published"] for a in document["announcements"]] == [True]
        assert len(rig.usage(sent.id)) == 1
    unpaid_for_nothing(rig, tracks, clips)


def test_one_kill_at_every_stage(rig: Rig) -> None:
    for name in STAGES:
        rig.arm(name, "kill")
    completed(rig, [rig.submit(patient=True) for _ in range(4)])
    assert {shot.name.partition(".")[0] for shot in rig.shots()} == set(STAGES)


@pytest.mark.faults
def test_kills_between_clips_change_no_sample(rig: Rig) -> None:
    """Tracks of three clips, the generator killed after each of some stored clips."""
    long: dict[str, Any] = {"duration_seconds": 75, "seed": 7, "formats": ["wav", "mp3"]}
    undisturbed = rig.submit(**long)
    wanted = sounds(rig, undisturbed)
    rig.arm("after_clip_stored", "kill", count=2)
    tracks = [rig.submit(patient=True, **long) for _ in range(2)]
    completed(rig, tracks, clips=3)
    assert len(rig.shots("after_clip_stored")) == 2
    assert all(sounds(rig, sent) == wanted for sent in tracks)


def sounds(rig: Rig, sent: Sent) -> dict[str, str]:
    """Checksum of each finished file, tags apart; the pre-rendered clips depend on no prompt."""
    return {
        file["format"]: hashlib.sha256(
            decode(rig.http.get(file["href"]).content).tobytes()
        ).hexdigest()
        for file in rig.ended(sent.id)["audio"]
    }


@pytest.mark.faults
@pytest.mark.parametrize("name", STAGES)
def test_kill(rig: Rig, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    rig.arm(name, "kill", count=KILLS)
    completed(rig, [rig.submit(patient=True) for _ in range(TRACKS)])
    fired = len(rig.shots(name))
    with capsys.disabled():
        sys.stdout.write(f" {name}: {fired} kills, {TRACKS} tracks ")
    assert fired == KILLS
