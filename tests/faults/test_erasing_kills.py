"""kill -9 at each stage of an erasing, and a bucket that is away: nothing stays in the end."""

import time
from typing import Any

import pytest
import requests

from tests.support.erased import TEXTS, generations, telling
from tests.support.rig import Rig, Sent
from tests.support.waiting import wait_for

STAGES = {
    "ingest": ["after_erase_commit", "after_publish_erase"],
    "generator": ["before_erase", "between_erased_objects", "after_objects_erased"],
}
NAMES = [name for names in STAGES.values() for name in names]
HIDDEN = {name: text for name, text in TEXTS.items() if name != "callback_url"}


def finished(rig: Rig) -> Sent:
    """A completed track whose every trace can be told; its ending was passed on."""
    sent = rig.submit(formats=["wav", "mp3"], **HIDDEN)
    assert rig.ended(sent.id)["status"] == "completed"
    rig.hooked(sent)
    rig.settled(sent.id)
    assert len(objects(rig, sent)) >= 6
    return sent


def objects(rig: Rig, sent: Sent) -> list[str]:
    """The track's objects in both buckets, all generations."""
    buckets = ("output_bucket", "prompts_bucket")
    return [
        name
        for key in buckets
        for name in generations(rig.storage().bucket(rig.info[key]), sent.id)
    ]


def erase(rig: Rig, sent: Sent) -> None:
    """As a user does whose connection may break: again, until it is answered."""

    def once() -> list[requests.Response]:
        try:
            return [rig.http.delete(f"{rig.info['api']}/v1/tracks/{sent.id}", timeout=30)]
        except requests.ConnectionError:
            time.sleep(0.1)
            return []

    assert wait_for(once, 60)[0].status_code == 204


def nothing_is_left(rig: Rig, sent: Sent) -> None:
    url = f"{rig.info['api']}/v1/tracks/{sent.id}"
    # The kill of a service that has answered may come a moment later.
    assert wait_for(lambda: [a] if (a := get(rig, url)) is not None else [], 60)[0] == 404
    wait_for(lambda: not objects(rig, sent), 60)
    assert not [path for path in telling(rig._firestore()) if sent.id in path]
    assert len(rig.usage(sent.id)) == 1


def get(rig: Rig, url: str) -> int | None:
    try:
        return rig.http.get(url, timeout=30).status_code
    except requests.ConnectionError:
        return None


def rests(rig: Rig, sent: Sent) -> dict[str, Any]:
    """The document once nobody looks for objects any more."""

    def look() -> dict[str, Any] | None:
        document = rig.document(sent.id)
        return document if (document["wake_at"], document["erase_until"]) == (None, None) else None

    found = wait_for(look, 120)
    assert found
    return found


def test_a_kill_at_every_stage_of_an_erasing(rig: Rig) -> None:
    tracks = [finished(rig) for _ in range(len(NAMES))]
    for name in NAMES:
        rig.arm(name, "kill")
    for sent in tracks:
        erase(rig, sent)
    for sent in tracks:
        nothing_is_left(rig, sent)
    wait_for(lambda: {shot.name.partition(".")[0] for shot in rig.shots()} >= set(NAMES), 60)


def test_while_the_bucket_is_away_erasing_waits(rig: Rig) -> None:
    sent = finished(rig)
    rig.fault("storage", {"match": {"method": "DELETE"}, "action": {"status": 503}, "count": 500})
    erase(rig, sent)
    wait_for(lambda: rig.fired("storage") > 0, 60)
    assert objects(rig, sent)
    rig.calm("storage")
    nothing_is_left(rig, sent)


@pytest.mark.faults
def test_after_a_kill_the_last_look_comes_all_the_same(rig: Rig) -> None:
    tracks = [finished(rig) for _ in NAMES]
    for name, sent in zip(NAMES, tracks, strict=True):
        rig.arm(name, "kill")
        erase(rig, sent)
        nothing_is_left(rig, sent)
    for sent in tracks:
        assert rests(rig, sent)["erased"]
    assert {shot.name.partition(".")[0] for shot in rig.shots()} >= set(NAMES)
