"""What Lyria does wrong, and what becomes of the track."""

import json

import pytest

from tests.support.rig import Rig, Sent


def fault(rig: Rig, prompt: str, action: dict[str, object], count: int = 1) -> None:
    rig.fault("vertex", {"match": {"prompt": prompt}, "action": action, "count": count})


def failed(rig: Rig, sent: Sent) -> dict[str, str]:
    track = rig.ended(sent.id)
    assert track["status"] == "failed", track
    (hook,) = rig.hooked(sent)
    body = json.loads(hook["body"])
    assert body["type"] == "track.failed"
    assert body["data"]["error"]["code"] == track["error"]["code"]
    name = f"errors/{sent.id}.json"
    stored = rig.storage().bucket(rig.info["output_bucket"]).blob(name).download_as_bytes()
    assert json.loads(stored)["code"] == track["error"]["code"]
    assert track["error"]["cure"]
    error: dict[str, str] = track["error"]
    return error


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ({"error": "language"}, "prompt_language"),
        ({"error": "safety_flag"}, "prompt_blocked"),
        ({"error": "responsible_ai"}, "prompt_blocked"),
        ({"error": "denied"}, "model_rejected"),
        ({"error": "not_found"}, "model_rejected"),
    ],
)
def test_what_can_never_succeed_fails_at_once(
    rig: Rig, action: dict[str, object], code: str
) -> None:
    fault(rig, f"never {code}", action, count=-1)
    sent = rig.submit(prompt=f"never {code}")
    before = rig.fired("vertex")
    assert failed(rig, sent)["code"] == code
    assert rig.fired("vertex") <= before + 1
    assert rig.paid(sent) == []


def test_recitation_recovers_with_another_seed(rig: Rig) -> None:
    fault(rig, "a well known tune", {"error": "recitation"})
    sent = rig.submit(prompt="a well known tune", seed=5)
    assert rig.ended(sent.id)["status"] == "completed"
    document = rig.document(sent.id)
    assert [(r["n"], r["code"]) for r in document["refusals"]] == [(1, "prompt_recitation")]
    assert [c["n"] for c in document["calls"]] == [1, 2]
    assert len(rig.paid(sent)) == 1


def test_recitation_three_times_fails_with_its_code(rig: Rig) -> None:
    fault(rig, "the same old song", {"error": "recitation"}, count=-1)
    sent = rig.submit(prompt="the same old song")
    assert failed(rig, sent)["code"] == "prompt_recitation"
    assert rig.document(sent.id)["provider_calls"] == 3


@pytest.mark.parametrize(
    ("reply", "versions"),
    [
        ("empty_predictions", 2),
        ("no_audio_key", 2),
        ("truncated_base64", 2),
        ("not_wav", 2),
        ("silent", 2),
        ("clipped", 2),
        ("audio_content_key", 1),
        ("header_44", 1),
    ],
)
def test_a_strange_reply_costs_a_version_at_most(rig: Rig, reply: str, versions: int) -> None:
    fault(rig, f"strange {reply}", {"reply": reply})
    sent = rig.submit(prompt=f"strange {reply}", duration_seconds=1)
    before = rig.ended(sent.id)
    assert before["status"] == "completed", before["error"]
    assert [c["n"] for c in rig.document(sent.id)["calls"]] == list(range(1, versions + 1))


def test_a_quota_answer_parks_without_using_an_attempt(rig: Rig) -> None:
    fault(rig, "too much", {"error": "quota"})
    sent = rig.submit(prompt="too much of it")
    parked = rig.parked(sent)
    assert (parked["park"], parked["attempts"], parked["holder"]) == ("quota", 0, "")
    assert rig.get(sent.id)["waiting_for"] == "quota"
    assert rig.post(sent.id, "cancel").json()["result"] == "cancelled"
