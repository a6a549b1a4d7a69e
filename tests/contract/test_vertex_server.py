"""The Vertex AI stand-in, called by Google's own client and by hand."""

import base64
import hashlib
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import soundfile
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.aiplatform_v1 import PredictionServiceClient

from deploy.local.soundfont import soundfont
from deploy.local.vertex.music.sketch import sketch
from tests.support.processes import running

MODEL = "projects/motif-local/locations/us-central1/publishers/google/models/lyria-002"
PROMPT = "Generate jazz music: rain on a {}, moderate tempo"


@dataclass(frozen=True)
class Vertex:
    url: str
    folder: Path

    def client(self) -> PredictionServiceClient:
        return PredictionServiceClient(
            credentials=AnonymousCredentials(),
            transport="rest",
            client_options=ClientOptions(api_endpoint=self.url),
        )

    def predict(self, thing: str, seed: int = 5) -> bytes:
        """A clip by Google's client: the audio, whatever its key."""
        instance = {"prompt": PROMPT.format(thing), "seed": seed}
        with self.client() as client:
            answer = client.predict(endpoint=MODEL, instances=[instance], timeout=60)
        (prediction,) = answer.predictions
        return base64.b64decode(prediction["bytesBase64Encoded"])

    def post(self, body: Any, path: str = f"/v1/{MODEL}:predict") -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return requests.post(f"{self.url}{path}", data=data, timeout=60)

    def ask(self, thing: str, seed: int = 5) -> requests.Response:
        return self.post({"instances": [{"prompt": PROMPT.format(thing), "seed": seed}]})

    def fault(self, thing: str, count: int = 1, **action: Any) -> None:
        rule = {"match": {"prompt": f"on a {thing},"}, "action": action, "count": count}
        requests.post(f"{self.url}/_faults", json=[rule], timeout=5).raise_for_status()

    def lines(self, name: str, thing: str) -> list[dict[str, Any]]:
        digest = hashlib.sha256(PROMPT.format(thing).encode()).hexdigest()
        lines = map(json.loads, (self.folder / name).read_text().splitlines())
        return [line for line in lines if line.get("prompt_sha256") == digest]

    def paid(self, thing: str) -> list[dict[str, Any]]:
        return self.lines("paid_calls.jsonl", thing)


@pytest.fixture(scope="module")
def vertex(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vertex]:
    folder = tmp_path_factory.mktemp("vertex")
    arguments = ("--data", folder / "data")
    env = {"VERTEX_LATENCY_SECONDS": "0", "VERTEX_PRERENDERED": "0"}
    with running("deploy.local.vertex", *arguments, log=folder / "log", **env) as url:
        yield Vertex(url, folder / "data")
    assert "rain on a" not in (folder / "log").read_text()


def test_googles_client_gets_the_clip_that_prompt_and_seed_stand_for(vertex: Vertex) -> None:
    clip = vertex.predict("roof", seed=98765)
    assert clip == sketch(PROMPT.format("roof"), "", 98765, soundfont())
    samples, rate = soundfile.read(io.BytesIO(clip))
    assert (len(samples) / rate, samples.shape[1]) == (32.768, 2)
    (line,) = vertex.paid("roof")
    assert (line["seed"], line["style"], line["clips"]) == (98765, "jazz", 1)
    assert abs(line["time"] - time.time()) < 60


def test_the_reply_has_the_size_and_the_shape_of_the_real_one(vertex: Vertex) -> None:
    body = vertex.ask("window").content
    assert len(body) == 8_388_798
    assert body.startswith(b'{\n  "predictions": [\n    {\n      "bytesBase64Encoded": "UklGR')
    assert body.endswith(b'"\n    }\n  ]\n}\n')


@pytest.mark.parametrize(
    ("name", "exception", "status", "text"),
    [
        ("recitation", exceptions.BadRequest, "INVALID_ARGUMENT", "blocked by recitation checks"),
        ("language", exceptions.BadRequest, "INVALID_ARGUMENT", "Unsupported language detected"),
        ("safety_flag", exceptions.BadRequest, "INVALID_ARGUMENT", "Prompt flag"),
        ("responsible_ai", exceptions.BadRequest, "INVALID_ARGUMENT", "Responsible AI practices"),
        ("quota", exceptions.TooManyRequests, "RESOURCE_EXHAUSTED", "Quota exceeded"),
        ("internal", exceptions.InternalServerError, "INTERNAL", "Could not generate audio"),
        ("unavailable", exceptions.ServiceUnavailable, "UNAVAILABLE", "currently unavailable"),
        ("denied", exceptions.Forbidden, "PERMISSION_DENIED", "aiplatform.endpoints.predict"),
        ("not_found", exceptions.NotFound, "NOT_FOUND", "was not found or your project does not"),
    ],
)
def test_each_error_is_raised_as_the_real_one_and_not_paid(
    vertex: Vertex,
    name: str,
    exception: type[exceptions.GoogleAPICallError],
    status: str,
    text: str,
) -> None:
    vertex.fault(name, error=name)
    with pytest.raises(exception, match=text) as raised:
        vertex.predict(name)
    error = raised.value.response.json()["error"]
    assert error.keys() == {"code", "message", "status"}
    assert (error["code"], error["status"]) == (raised.value.code, status)
    assert vertex.paid(name) == []
    (line,) = vertex.lines("calls.jsonl", name)
    assert line["status"] == error["code"]


def test_a_quota_refusal_may_say_when_to_come_back(vertex: Vertex) -> None:
    vertex.fault("barn", error="quota", retry_after=7)
    vertex.fault("barn", error="quota")
    assert [vertex.ask("barn").headers.get("Retry-After") for _ in range(2)] == ["7", None]


def test_a_rule_is_counted_down(vertex: Vertex) -> None:
    vertex.fault("drum", error="unavailable", count=2)
    assert [vertex.ask("drum").status_code for _ in range(3)] == [503, 503, 200]


def test_a_rule_may_match_the_seed(vertex: Vertex) -> None:
    rule = {"match": {"prompt": "on a pane", "seed": "^12$"}, "action": {"error": "recitation"}}
    requests.post(f"{vertex.url}/_faults", json=[rule], timeout=5).raise_for_status()
    assert [vertex.ask("pane", seed).status_code for seed in (112, 12)] == [200, 400]


@pytest.mark.parametrize("action", [{"error": "nonsense"}, {"reply": "nonsense"}, {"noise": 1}])
def test_an_unknown_fault_is_refused(vertex: Vertex, action: dict[str, Any]) -> None:
    rules = [{"match": {}, "action": action}]
    answer = requests.post(f"{vertex.url}/_faults", json=rules, timeout=5)
    assert answer.status_code == 400
    assert requests.get(f"{vertex.url}/_faults", timeout=5).json()["armed"] == []


def spoiled(vertex: Vertex, name: str) -> dict[str, Any]:
    """The only prediction of a reply that a rule spoiled; it is paid for."""
    vertex.fault(name, reply=name)
    answer = vertex.ask(name)
    assert answer.status_code == 200
    assert len(vertex.paid(name)) == 1
    predictions = answer.json()["predictions"]
    assert len(predictions) <= 1
    return dict(predictions[0]) if predictions else {}


def samples_of(prediction: dict[str, Any]) -> tuple[bytes, np.ndarray[Any, np.dtype[np.int16]]]:
    file = base64.b64decode(prediction["bytesBase64Encoded"])
    samples, rate = soundfile.read(io.BytesIO(file), dtype="int16")
    assert rate == 48_000
    return file, samples


def test_replies_without_audio(vertex: Vertex) -> None:
    assert spoiled(vertex, "empty_predictions") == {}
    assert spoiled(vertex, "no_audio_key") == {"mimeType": "audio/wav"}
    assert spoiled(vertex, "error_in_200")["error"]["message"] == "Could not generate audio"


def test_a_truncated_reply_is_no_base64(vertex: Vertex) -> None:
    text = spoiled(vertex, "truncated_base64")["bytesBase64Encoded"]
    assert len(text) > 1_000_000
    with pytest.raises(ValueError, match="base64"):
        base64.b64decode(text)


def test_a_reply_that_is_no_wav(vertex: Vertex) -> None:
    file = base64.b64decode(spoiled(vertex, "not_wav")["bytesBase64Encoded"])
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.read(io.BytesIO(file))


def test_the_documented_shape(vertex: Vertex) -> None:
    prediction = spoiled(vertex, "audio_content_key")
    assert prediction.keys() == {"audioContent", "mimeType"}
    assert base64.b64decode(prediction["audioContent"])[:4] == b"RIFF"


def test_a_short_header_before_the_same_samples(vertex: Vertex) -> None:
    file, samples = samples_of(spoiled(vertex, "header_44"))
    assert file[36:40] == b"data"
    whole = sketch(PROMPT.format("header_44"), "", 5, soundfont())
    assert samples.astype("<i2").tobytes() == whole[88:]


def test_silence_and_clipping(vertex: Vertex) -> None:
    _, silent = samples_of(spoiled(vertex, "silent"))
    assert not silent.any()
    _, clipped = samples_of(spoiled(vertex, "clipped"))
    assert set(np.unique(clipped)) == {-32_768, 32_767}
    assert len(silent) == len(clipped) == 1_572_864


def test_what_breaks_after_the_work_is_paid_and_what_breaks_before_is_not(vertex: Vertex) -> None:
    paid: dict[str, dict[str, Any]] = {"cut": {"cut": 4000}, "lost": {"commit_then_reset": True}}
    unpaid: dict[str, dict[str, Any]] = {"reset": {"reset": True}, "odd": {"status": 502}}
    for name, action in (paid | unpaid).items():
        vertex.fault(name, **action)
        if name == "odd":
            assert vertex.ask(name).status_code == 502
        else:
            with pytest.raises(
                (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
            ):
                vertex.ask(name)
    assert [len(vertex.paid(name)) for name in paid] == [1, 1]
    assert [vertex.paid(name) for name in unpaid] == [[], []]
    calls = {name: vertex.lines("calls.jsonl", name)[0]["status"] for name in paid | unpaid}
    assert calls == {"cut": 200, "lost": None, "reset": None, "odd": 502}


GOOD = {"prompt": "Generate rock music: a storm, fast tempo"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "JSON"),
        (b"", "JSON"),
        ([], "object"),
        ({}, "instances"),
        ({"instances": []}, "instances"),
        ({"instances": [GOOD, GOOD]}, "instances"),
        ({"instances": [{}]}, "prompt"),
        ({"instances": [{"prompt": ""}]}, "prompt"),
        ({"instances": [{"prompt": 7}]}, "prompt"),
        ({"instances": [GOOD | {"duration": 30}]}, "duration"),
        ({"instances": [GOOD | {"negative_prompt": None}]}, "negative_prompt"),
        ({"instances": [GOOD | {"seed": 1.5}]}, "seed"),
        ({"instances": [GOOD | {"seed": "1"}]}, "seed"),
        ({"instances": [GOOD | {"seed": True}]}, "seed"),
        ({"instances": [GOOD | {"seed": -1}]}, "seed"),
        ({"instances": [GOOD | {"seed": None}]}, "seed"),
        ({"instances": [GOOD | {"seed": 1, "sample_count": 1}]}, "seed"),
        ({"instances": [GOOD | {"seed": 1}], "parameters": {"sample_count": 1}}, "seed"),
        ({"instances": [GOOD | {"sample_count": 5}]}, "sample_count"),
        ({"instances": [GOOD | {"sample_count": 1}], "parameters": {"sample_count": 1}}, "twice"),
        ({"instances": [GOOD], "parameters": {"seed": 1}}, "seed"),
        ({"instances": [GOOD], "parameters": {"sampleCount": 1}}, "sampleCount"),
        ({"instances": [GOOD], "labels": {}}, "labels"),
    ],
)
def test_what_is_not_documented_is_refused(vertex: Vertex, body: Any, words: str) -> None:
    answer = vertex.post(body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert words in error["message"]
    assert "storm" not in error["message"]


def test_numbers_may_be_doubles_and_the_query_is_ignored(vertex: Vertex) -> None:
    whole = vertex.ask("lake", seed=3).content
    path = f"/v1/{MODEL}:predict?%24alt=json%3Benum-encoding%3Dint"
    instance = {"prompt": PROMPT.format("lake"), "seed": 3.0, "negative_prompt": ""}
    answer = vertex.post({"instances": [instance], "parameters": {}}, path)
    assert answer.content == whole


def test_several_samples_are_different_clips_of_one_paid_call(vertex: Vertex) -> None:
    instance = {"prompt": PROMPT.format("tent")}
    answer = vertex.post({"instances": [instance], "parameters": {"sample_count": 2.0}}).json()
    one, other = (prediction["bytesBase64Encoded"] for prediction in answer["predictions"])
    assert one != other
    (line,) = vertex.paid("tent")
    assert (line["clips"], line["seed"]) == (2, None)


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/{MODEL.replace('002', '003')}:predict",
        f"/v1/{MODEL}:generateContent",
        f"/v1/{MODEL}",
        "/v1/projects/motif-local",
    ],
)
def test_other_models_and_paths_are_not_found(vertex: Vertex, path: str) -> None:
    answer = vertex.post({"instances": [GOOD]}, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["status"] == "NOT_FOUND"


def test_prompts_are_kept_as_hashes_only(vertex: Vertex) -> None:
    vertex.ask("secret")
    for file in ("paid_calls.jsonl", "calls.jsonl"):
        text = (vertex.folder / file).read_text()
        assert text.endswith("\n")
        assert "secret" not in text


def test_prerendered_clips_come_at_once_and_ignore_the_seed(tmp_path: Path) -> None:
    env = {"VERTEX_LATENCY_SECONDS": "0", "VERTEX_PRERENDERED": "1"}
    with running("deploy.local.vertex", "--data", tmp_path, log=tmp_path / "log", **env) as url:
        vertex = Vertex(url, tmp_path)
        start = time.perf_counter()
        bodies = [vertex.ask("bridge", seed).content for seed in range(10)]
        assert (time.perf_counter() - start) / 10 < 0.2
        assert len(set(bodies)) == 1
        assert len(bodies[0]) == 8_388_798
        assert len(vertex.paid("bridge")) == 10
        rock = vertex.post({"instances": [GOOD]}).content
        assert rock != bodies[0]
        vertex.fault("header_44", reply="header_44")
        assert vertex.ask("header_44").json()["predictions"]


def test_the_latency_is_that_of_the_whole_answer(tmp_path: Path) -> None:
    log = tmp_path / "log"
    env = {"VERTEX_LATENCY_SECONDS": "3", "VERTEX_PRERENDERED": "0"}
    with running("deploy.local.vertex", "--data", tmp_path, log=log, **env) as url:
        vertex = Vertex(url, tmp_path)
        vertex.ask("field")
        (line,) = vertex.paid("field")
        assert 3 <= line["latency_seconds"] < 3.5


def test_without_a_soundfont_it_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.local.vertex", "--port", "1", "--data", str(tmp_path)]
    done = subprocess.run(
        command,
        env={"SOUNDFONT": str(tmp_path / "none.sf2")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("no SoundFont at")
    assert done.stderr.count("\n") == 1
