"""From a prompt over HTTP to measured audio, a verified callback and an event downstream."""

import io
import json
import threading
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fastavro
import pytest
import requests
from google.api_core.exceptions import DeadlineExceeded
from google.cloud.pubsub_v1 import SubscriberClient

from services.ingest.tracks.catalog import STYLES
from tests.support.ffmpeg import decode, listen
from tests.support.rig import Rig, Sent
from tests.support.waiting import wait_for

RATE = 48_000


def audio(rig: Rig, sent: Sent) -> bytes:
    (file,) = rig.ended(sent.id)["audio"]
    answer = rig.http.get(file["href"], timeout=30)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == file["size_bytes"]
    return answer.content


@pytest.mark.parametrize("style", STYLES)
def test_a_track_in_each_style_is_finished_sound(rig: Rig, style: str, tmp_path: Path) -> None:
    sent = rig.submit(style=style, duration_seconds=20, prompt="a calm walk by the sea")
    path = tmp_path / "track.wav"
    path.write_bytes(audio(rig, sent))
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 2, 2)
        assert file.getnframes() == 20 * RATE
    heard = listen(path)
    shown = rig.get(sent.id)["audio"][0]
    assert heard.loudness_lufs == pytest.approx(-14, abs=0.5)
    assert heard.true_peak_dbtp <= -1.0
    assert heard.loudness_lufs == pytest.approx(shown["loudness_lufs"], abs=0.15)
    assert heard.true_peak_dbtp == pytest.approx(shown["true_peak_dbtp"], abs=0.15)


def test_same_seed_same_samples_other_prompt_other_music(rig: Rig) -> None:
    same: dict[str, Any] = {
        "prompt": "a bright morning in the city",
        "style": "jazz",
        "duration_seconds": 3,
    }
    first = rig.submit(seed=7, **same)
    again = rig.submit(seed=7, **same)
    seeded = rig.submit(seed=8, **same)
    other = rig.submit(seed=7, **same | {"prompt": "a dark night in the woods"})
    sounds = [decode(audio(rig, sent)).tobytes() for sent in (first, again, seeded, other)]
    assert sounds[0] == sounds[1]
    assert len(set(sounds)) == 3


def test_loudness_null_leaves_the_level_alone(rig: Rig, tmp_path: Path) -> None:
    prompt = "soft piano in an empty hall"
    untouched = rig.submit(prompt=prompt, seed=1, duration_seconds=5, loudness_lufs=None)
    quiet = rig.submit(prompt=prompt, seed=1, duration_seconds=5, loudness_lufs=-23)
    levels = []
    for sent in (untouched, quiet):
        path = tmp_path / f"{sent.id}.wav"
        path.write_bytes(audio(rig, sent))
        levels.append(listen(path).loudness_lufs)
    assert levels[1] == pytest.approx(-23, abs=0.5)
    assert abs(levels[0] - levels[1]) > 0.5


def test_objects_and_metadata_are_where_operators_look(rig: Rig) -> None:
    sent = rig.submit(duration_seconds=2, metadata={"project": "p"})
    track = rig.ended(sent.id)
    prompts = rig.storage().bucket(rig.info["prompts_bucket"])
    output = rig.storage().bucket(rig.info["output_bucket"])
    request = json.loads(prompts.blob(f"requests/{sent.id}.json").download_as_bytes())
    assert request["request"]["duration_seconds"] == 2
    metadata = json.loads(output.blob(f"metadata/{sent.id}.json").download_as_bytes())
    assert {
        "request_id", "prompt", "style", "duration", "tempo", "model_name", "model_version",
        "generation_timestamp", "file_format", "sample_rate", "generation_status",
    } <= metadata.keys()  # fmt: skip
    assert metadata["generation_status"] == "completed"
    assert metadata["loudness_lufs"] == track["audio"][0]["loudness_lufs"]
    names = {blob.name for blob in rig.storage().list_blobs(output) if sent.id in blob.name}
    assert names == {
        f"clips/{sent.id}/0-1.wav", f"audio/{sent.id}.wav", f"metadata/{sent.id}.json",
        f"waveforms/{sent.id}.json", f"spectrograms/{sent.id}.png",
    }  # fmt: skip
    (clip,) = metadata["clips"]
    assert clip["object"] in names


def test_the_signed_url_plays_answers_range_and_cannot_be_altered(rig: Rig) -> None:
    sent = rig.submit(duration_seconds=1)
    (file,) = rig.ended(sent.id)["audio"]
    answer = rig.http.get(file["href"], allow_redirects=False, timeout=30)
    assert answer.status_code == 302
    url = answer.headers["Location"]
    whole = requests.get(url, timeout=30)
    with wave.open(io.BytesIO(whole.content)) as sound:
        assert sound.getnframes() == RATE
    part = requests.get(url, headers={"Range": "bytes=44-99"}, timeout=30)
    assert (part.status_code, part.content) == (206, whole.content[44:100])
    assert requests.get(url[:-4] + "0000", timeout=30).status_code == 403
    assert requests.get(url.replace(sent.id, sent.id[::-1]), timeout=30).status_code == 403
    assert requests.get(url.split("?")[0], timeout=30).status_code == 403


def test_the_callback_verifies_and_comes_once(rig: Rig) -> None:
    sent = rig.submit(metadata={"order": "17"})
    rig.ended(sent.id)
    (hook,) = rig.hooked(sent)
    body = json.loads(hook["body"])
    assert body["type"] == "track.completed"
    assert body["data"]["request_id"] == sent.id
    assert body["data"]["metadata"] == {"order": "17"}
    assert len(hook["body"]) < 4096
    assert "Signature" not in hook["body"]
    rig.settled(sent.id)
    wait_for(
        lambda: rig.get(sent.id)["webhook"]["state"] == "delivered"
    )  # written after the answer


def test_downstream_gets_one_schema_valid_cloud_event_per_track(rig: Rig) -> None:
    drain(rig)
    sent = rig.submit()
    rig.ended(sent.id)
    rig.settled(sent.id)
    (message,) = [m for m in drain(rig) if m.attributes.get("ce-subject") == sent.id]
    attributes = dict(message.attributes)
    assert attributes["ce-type"] == "track.completed.v1"
    assert attributes["ce-id"] == f"{sent.id}:1:completed"
    assert attributes["ce-specversion"] == "1.0"
    assert attributes["status"] == "completed"
    schema = json.loads(Path("deploy/schemas/track-events.avsc").read_text())
    event = json.loads(message.data)
    assert next(iter(fastavro.json_reader(io.StringIO(json.dumps(event)), schema))) == event


def drain(rig: Rig) -> list[Any]:
    with SubscriberClient() as client:
        name = client.subscription_path(rig.info["project"], "track-events-tap")
        messages: list[Any] = []
        while True:
            try:
                pulled = client.pull(subscription=name, max_messages=100, timeout=2, retry=None)
            except DeadlineExceeded:  # the emulator's word for an empty subscription
                return messages
            found = pulled.received_messages
            if not found:
                return messages
            client.acknowledge(subscription=name, ack_ids=[m.ack_id for m in found])
            messages += [m.message for m in found]


def test_one_key_from_forty_threads_is_one_track(rig: Rig) -> None:
    url = f"{rig.info['api']}/v1/tracks"
    body = {"prompt": "one and only one piece", "duration_seconds": 1}
    headers = {"Idempotency-Key": "forty"}
    gate = threading.Barrier(40)

    def one(_: int) -> requests.Response:
        gate.wait()
        return requests.post(url, json=body, headers=headers, timeout=30)

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(one, range(40)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    track_id = answers[0].json()["request_id"]
    assert rig.ended(track_id)["status"] == "completed"
    sent = Sent(track_id, "", "Generate instrumental music: one and only one piece, moderate tempo")
    assert len(rig.paid(sent)) == 1
    assert one_more(url, body, headers).content == answers[0].content
    assert one_more(url, body | {"seed": 1}, headers).status_code == 422


def one_more(url: str, body: dict[str, Any], headers: dict[str, str]) -> requests.Response:
    return requests.post(url, json=body, headers=headers, timeout=30)
