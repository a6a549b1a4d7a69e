import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from services.ingest.tracks.asked import KeyReused, NoSuchTrack
from services.ingest.tracks.use_cases import Tracks
from shared.track import Status
from tests.support.api import BASE, GOOD, Api, failed, refused
from tests.support.tracks import TIMING, Outbox, asked


def test_a_track_is_accepted_stored_and_published(public_api: Api) -> None:
    answer = public_api.submit(style="jazz", tempo=96, metadata={"a.b": "c"}, loudness_lufs=None)
    assert answer.status_code == 202
    body = answer.get_json()
    own = f"{BASE}/v1/tracks/{body['request_id']}"
    assert answer.headers["Location"] == own
    assert body.pop("created_at") < body.pop("estimated_completion") < body.pop("eta")["p90"]
    assert body == {
        "request_id": body["request_id"],
        "status": "queued",
        "message": "Music generation request submitted successfully",
        "model": "lyria-002",
        "quote_usd": 0.06,
        "parameters": {
            "prompt": "warm strings at dawn",
            "style": "jazz",
            "tempo": 96,
            "duration_seconds": 20,
            "negative_prompt": "",
            "seed": None,
            "formats": ["wav"],
            "loudness_lufs": None,
            "loop": False,
            "bit_depth": 16,
            "priority": "interactive",
            "callback_events": [],
            "metadata": {"a.b": "c"},
            "model": "lyria-002",
        },
        "links": {
            "self": own,
            "cancel": f"{own}/cancel",
            "retry": f"{own}/retry",
            "events": f"{own}/events",
            "stream": f"{own.replace('https', 'wss', 1)}/stream",
            "audio_wav": f"{own}/audio.wav",
            "waveform": f"{own}/waveform",
            "spectrogram": f"{own}/spectrogram",
            "metadata": f"{own}/metadata",
        },
    }
    track = public_api.document(body["request_id"]).value
    assert track
    assert (track.status, track.run, track.tenant) == (Status.QUEUED, 1, "local")
    assert track.wake_at == track.created_at + timedelta(seconds=30)
    assert track.deadline == track.created_at + timedelta(hours=24)
    assert track.command() in public_api.published()


def test_the_whole_request_reaches_the_generator(public_api: Api) -> None:
    formats = ["mp3", "wav", "flac", "m4a", "ogg"]
    sent = {
        "duration_seconds": 61.7,
        "formats": formats,
        "bit_depth": 24,
        "loop": True,
        "loudness_lufs": -23,
    }
    answer = public_api.submit(**sent)
    shown = answer.get_json()
    assert (answer.status_code, shown["quote_usd"]) == (202, 0.12)
    assert {name: shown["parameters"][name] for name in sent} == sent
    own = shown["links"]["self"]
    assert [shown["links"][f"audio_{name}"] for name in formats] == [
        f"{own}/audio.{name}" for name in formats
    ]
    published = {message.request_id: message.request for message in public_api.published()}
    request = published[shown["request_id"]]
    assert (request.duration_seconds, request.bit_depth, request.loop) == (61.7, 24, True)
    assert (request.formats, request.loudness_lufs) == (tuple(formats), (-23.0,))


def test_parameters_can_be_sent_again_as_they_stand(public_api: Api) -> None:
    first = public_api.submit(
        tempo=77, seed=5, loudness_lufs=-9, metadata={"k": "v"}, duration_seconds=7.3, loop=True
    ).get_json()
    again = public_api.submit(first["parameters"])
    assert again.status_code == 202, again.text
    assert again.get_json()["parameters"] == first["parameters"]


def keyed(api: Api, key: str, body: Any, path: str = "/v1/tracks") -> TestResponse:
    data = body if isinstance(body, str) else json.dumps(body)
    headers = {"Idempotency-Key": key}
    return api.client.post(path, data=data, content_type="application/json", headers=headers)


def test_the_same_key_and_body_get_the_first_answer_again(public_api: Api) -> None:
    first = keyed(public_api, "k1", '{"prompt": "warm strings", "seed": 7}')
    again = keyed(public_api, "k1", '{ "seed":7,\n\t"prompt":"warm \\u0073trings" }')
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.data == again.data
    assert first.headers["Location"] == again.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    published = [message.request_id for message in public_api.published()]
    assert published.count(first.get_json()["request_id"]) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "warm strings "},
        {"prompt": "warm strings", "style": "instrumental"},
        {"prompt": "warm strings", "seed": 0},
    ],
)
def test_another_body_under_the_key_is_refused(public_api: Api, other: dict[str, Any]) -> None:
    keyed(public_api, "k2", {"prompt": "warm strings"})
    body = refused(keyed(public_api, "k2", other), 422, "idempotency_key_reused")
    assert (body["field"], bool(body["cure"])) == ("Idempotency-Key", True)


def test_an_ended_track_is_replayed_too(public_api: Api) -> None:
    first = keyed(public_api, "k3", GOOD)
    request_id = first.get_json()["request_id"]
    public_api.end(request_id, failed())
    assert keyed(public_api, "k3", GOOD).data == first.data
    refused(keyed(public_api, "k3", GOOD | {"seed": 1}), 422, "idempotency_key_reused")
    public_api.client.post(f"/v1/tracks/{request_id}/retry")
    assert keyed(public_api, "k3", GOOD).data == first.data


def test_a_cancelled_track_is_made_under_another_key_as_its_cure_says(public_api: Api) -> None:
    first = keyed(public_api, "k7", GOOD).get_json()["request_id"]
    public_api.client.post(f"/v1/tracks/{first}/cancel")
    assert "another Idempotency-Key" in public_api.state(first)["error"]["cure"]
    assert keyed(public_api, "k7", GOOD).get_json()["request_id"] == first
    other = keyed(public_api, "k8", GOOD).get_json()["request_id"]
    assert public_api.state(other)["status"] == "queued"


def test_a_byte_order_mark_makes_no_other_body(public_api: Api) -> None:
    plain, marked = ('{"prompt": "warm strings"}', '\ufeff{"prompt": "warm strings"}')
    first, again = (keyed(public_api, "k9", body) for body in (plain, marked))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.data == again.data


def test_a_quoted_key_is_the_plain_one(public_api: Api) -> None:
    plain = keyed(public_api, "k-4!", GOOD)
    assert keyed(public_api, '"k-4!"', GOOD).data == plain.data
    assert keyed(public_api, "  k-4! ", GOOD).data == plain.data
    assert keyed(public_api, "K-4!", GOOD).data != plain.data


def test_without_a_key_every_request_is_a_new_track(public_api: Api) -> None:
    assert public_api.accepted() != public_api.accepted()


def test_sixteen_requests_with_one_key_get_one_answer(public_api: Api) -> None:
    gate = threading.Barrier(16)
    client = public_api.app.test_client

    def one(_: int) -> bytes:
        gate.wait()
        headers = {"Idempotency-Key": "k5"}
        return bytes(client().post("/v1/tracks", json=GOOD, headers=headers).data)

    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(one, range(16)))
    request_id = json.loads(answers.pop())["request_id"]
    assert not answers
    assert [m.request_id for m in public_api.published()].count(request_id) == 1


def test_two_tenants_meet_neither_in_keys_nor_in_tracks(public_api: Api) -> None:
    tracks = Tracks(
        store=public_api.store,
        requests=Outbox(),
        events=Outbox(),
        progress=Outbox(),
        timing=TIMING,
    )
    mine, _ = tracks.submit(asked(key="k6"))
    theirs, replayed = tracks.submit(replace(asked(key="k6", fingerprint="g"), tenant="other"))
    assert not replayed
    assert mine.request_id != theirs.request_id
    with pytest.raises(KeyReused):
        tracks.submit(asked(key="k6", fingerprint="g"))
    for use in (tracks.get, tracks.cancel, tracks.retry):
        with pytest.raises(NoSuchTrack):
            use("local", theirs.request_id)
