"""Fault rules: what they match, how they count, what they leave behind."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.message import Message
from pathlib import Path

import pytest

from deploy.local.faults import Faults, with_faults
from deploy.local.http import Request, Response


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    return Faults(tmp_path, fields=("method", "path"), actions=("drip",))


def add(faults: Faults, action: dict[str, object], count: int = 1, **match: str) -> None:
    faults.add(json.dumps([{"match": match, "action": action, "count": count}]))


def request(method: str = "GET", path: str = "/x", body: bytes = b"") -> Request:
    return Request(method, path, Message(), iter([body] if body else []))


def test_all_patterns_must_be_found(faults: Faults) -> None:
    add(faults, {"status": 503}, method="^P", path="clips/")
    assert faults.take(method="GET", path="/clips/1") == {}
    assert faults.take(method="PUT", path="/audio/1") == {}
    assert faults.take(method="PUT", path="/clips/1") == {"status": 503}


def test_a_rule_fires_as_often_as_it_says(faults: Faults) -> None:
    add(faults, {"status": 500}, count=2)
    add(faults, {"drip": 1}, count=-1)
    fired = [faults.take(method="GET", path="/") for _ in range(4)]
    assert fired == [{"status": 500}, {"status": 500}, {"drip": 1}, {"drip": 1}]
    assert faults.state() == {
        "armed": [{"match": {}, "action": {"drip": 1}, "count": -1}],
        "fired": 4,
    }


def test_racing_requests_share_the_count(faults: Faults, tmp_path: Path) -> None:
    add(faults, {"reset": True}, count=5)
    with ThreadPoolExecutor(8) as pool:
        fired = list(pool.map(lambda _: faults.take(method="GET", path="/"), range(50)))
    assert sum(map(bool, fired)) == 5
    assert len((tmp_path / "faults.jsonl").read_text().splitlines()) == 5


def test_each_firing_is_written_down(faults: Faults, tmp_path: Path) -> None:
    add(faults, {"status": 503}, path="x")
    faults.take(method="GET", path="/x")
    (line,) = (tmp_path / "faults.jsonl").read_text().splitlines()
    written = json.loads(line)
    assert written.pop("time") > 1.7e9
    assert written == {"match": {"path": "x"}, "action": {"status": 503}}


@pytest.mark.parametrize(
    "document",
    [
        "{}",
        '[{"match": {}}]',
        '[{"action": {}}]',
        '[{"action": {"explode": 1}}]',
        '[{"action": {"status": 1}, "match": {"prompt": "x"}}]',
        '[{"action": {"status": 1}, "match": {"path": "("}}]',
        '[{"action": {"status": 1}, "times": 2}]',
        '[{"action": {"status": 1}, "count": 0}]',
    ],
)
def test_a_bad_rule_arms_nothing(faults: Faults, document: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # pydantic's errors and ours
        faults.add(document)
    assert not faults.armed


def test_the_endpoint_arms_shows_and_clears(faults: Faults) -> None:
    handle = with_faults(faults, lambda _: Response.text("done"), lambda _: {})
    rule = b'[{"action": {"status": 503}}]'
    assert handle(request("POST", "/_faults", rule)).status == 200
    assert handle(request("POST", "/_faults", b"no")).status == 400
    shown = handle(request("GET", "/_faults")).body
    assert shown == b'{"armed": [{"match": {}, "action": {"status": 503}, "count": 1}], "fired": 0}'
    assert handle(request("DELETE", "/_faults")).body == b'{"armed": [], "fired": 0}'
    assert handle(request()).body == b"done"


def test_a_status_leaves_the_work_undone_and_a_lost_reply_does_not(faults: Faults) -> None:
    done: list[str] = []

    def work(request: Request) -> Response:
        done.append(request.path)
        return Response.text("done")

    handle = with_faults(faults, work, lambda r: {"path": r.path})
    add(faults, {"status": 429, "body": "busy", "headers": {"Retry-After": "3"}}, path="1")
    refused = handle(request(path="/1"))
    assert (refused.status, refused.body) == (429, b"busy")
    assert refused.headers == (("Retry-After", "3"),)
    add(faults, {"reset": True}, path="2")
    assert handle(request(path="/2")).reset
    assert done == []
    add(faults, {"commit_then_reset": True}, path="3")
    assert handle(request(path="/3")).reset
    assert done == ["/3"]


def test_only_the_reply_is_spoiled(faults: Faults) -> None:
    own = Response.text("done")
    add(faults, {"cut": 2}, path="/x")
    handle = with_faults(faults, lambda _: replace(own, stall=0.5), lambda r: {"path": r.path})
    assert handle(request()) == replace(own, stall=0.5, cut=2)
    assert handle(request()) == replace(own, stall=0.5)


def test_the_stand_ins_own_action_reaches_its_handler(faults: Faults) -> None:
    handle = with_faults(faults, lambda r: Response.json(dict(r.fault)), lambda _: {})
    add(faults, {"drip": 7})
    assert [handle(request()).body for _ in range(2)] == [b'{"drip": 7}', b"{}"]
