"""The webhook sink over HTTP, and its file as a test reads it."""

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.processes import running


@dataclass(frozen=True)
class Sink:
    url: str
    folder: Path

    def post(self, path: str, body: bytes = b"{}", **headers: str) -> int:
        return requests.post(f"{self.url}{path}", data=body, headers=headers, timeout=5).status_code

    def fault(self, path: str, **action: Any) -> None:
        rule = {"match": {"path": f"^{path}$"}, "action": action}
        requests.post(f"{self.url}/_faults", json=[rule], timeout=5).raise_for_status()

    def lines(self, path: str) -> list[Any]:
        lines = map(json.loads, (self.folder / "webhooks.jsonl").read_text().splitlines())
        return [line for line in lines if line["path"] == path]


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    folder = tmp_path_factory.mktemp("sink")
    with running("deploy.local.sink", "--data", folder, log=folder / "log") as url:
        yield Sink(url, folder)


def test_a_webhook_is_kept_to_the_byte(sink: Sink) -> None:
    body = b'{"t": "caf\xc3\xa9", "bad": "\xff"}'
    before = time.time()
    assert sink.post("/a/b%20c?key=1", body, **{"Webhook-Id": "msg_1"}) == 204
    (line,) = sink.lines("/a/b%20c")
    assert base64.b64decode(line["body_base64"]) == body
    assert line["body"] == '{"t": "café", "bad": "\N{REPLACEMENT CHARACTER}"}'
    assert line["headers"]["webhook-id"] == "msg_1"
    assert line["query"] == "key=1"
    assert before <= line["time"] <= time.time()


def test_received_lists_one_path(sink: Sink) -> None:
    for path in ("/one", "/two", "/one"):
        sink.post(path)
    answer = requests.get(f"{sink.url}/_received", params={"path": "/one"}, timeout=5).json()
    assert answer == sink.lines("/one")
    assert len(answer) == 2


def test_a_script_is_played_once_and_on_its_path_only(sink: Sink) -> None:
    script = {"path": "/scripted", "statuses": [500, 410, 201]}
    requests.post(f"{sink.url}/_script", json=script, timeout=5).raise_for_status()
    assert sink.post("/other") == 204
    assert [sink.post("/scripted") for _ in range(4)] == [500, 410, 201, 204]
    assert len(sink.lines("/scripted")) == 4


def test_a_malformed_script_is_refused(sink: Sink) -> None:
    assert sink.post("/_script", b'{"path": "/x", "statuses": []}') == 400


def test_a_fault_answers_for_the_receiver(sink: Sink) -> None:
    sink.fault("/away", status=503)
    assert [sink.post("/away"), sink.post("/away")] == [503, 204]


def test_what_was_reset_is_on_record(sink: Sink) -> None:
    sink.fault("/reset", reset=True)
    with pytest.raises(requests.ConnectionError):
        sink.post("/reset")
    assert len(sink.lines("/reset")) == 1


@pytest.mark.parametrize("action", ["delay", "stall"])
def test_a_reply_can_be_late(sink: Sink, action: str) -> None:
    sink.fault(f"/{action}", **{action: 0.3})
    begun = time.monotonic()
    assert sink.post(f"/{action}") == 204
    assert time.monotonic() - begun >= 0.3


def test_a_dripping_reply_outlasts_every_read_timeout(sink: Sink) -> None:
    sink.fault("/drip", drip=0.01)
    begun = time.monotonic()
    answer = requests.post(f"{sink.url}/drip", timeout=0.5)
    assert answer.status_code == 204
    assert time.monotonic() - begun > 0.01 * len(b"HTTP/1.1 204 No Content\r\n\r\n")


def test_lines_of_parallel_webhooks_do_not_mix(sink: Sink) -> None:
    bodies = [bytes([65 + number]) * 100_000 for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda body: sink.post("/parallel", body), bodies)) == {204}
    assert sorted(line["body"].encode() for line in sink.lines("/parallel")) == bodies


def test_only_posts_are_webhooks(sink: Sink) -> None:
    assert requests.get(f"{sink.url}/hook", timeout=5).status_code == 405
    assert sink.lines("/hook") == []
