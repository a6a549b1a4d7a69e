"""How a track is read: conditions, HEAD, waiting, queries, and what is no call at all."""

import threading
import time
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.api import Api, failed, refused

READS = [
    *("/v1/tracks", "/v1/models", "/v1/tracks/{id}", "/v1/tracks/{id}/audio.wav"),
    *(f"/v1/tracks/{{id}}/{kind}" for kind in ("waveform", "spectrogram", "metadata", "webhook")),
    *("/v1/webhooks/events", "/v1/webhooks/endpoints", "/v1/webhooks/secrets"),
]
WRITES = [
    *(("POST", path) for path in ("/v1/tracks", "/v1/tracks/{id}/cancel", "/v1/tracks/{id}/retry")),
    ("DELETE", "/v1/tracks/{id}"),
]


@pytest.fixture(scope="module")
def track(public_api: Api) -> str:
    """One that has ended, so that nothing about it changes any more."""
    request_id = public_api.accepted()
    public_api.end(request_id, failed())
    return request_id


def asked(api: Api, track: str, query: str = "", **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.client.get(f"/v1/tracks/{track}{query}", headers=named)


def tag_of(api: Api, track: str) -> str:
    """The opaque part of the ETag, in quotes."""
    tag = asked(api, track).headers["ETag"].removeprefix("W/")
    assert tag.startswith('"')
    return tag


SAME = ["{tag}", "W/{tag}", "*", '"a", {tag}', 'W/"a",W/{tag} , "b"', "{tag},"]
OTHER = ['"a"', 'W/"a"', '"*"', "", '"a", "b"', "x{tag}"]


@pytest.mark.parametrize("condition", SAME)
def test_what_is_known_already_is_not_sent_again(
    public_api: Api, track: str, condition: str
) -> None:
    """If-None-Match compares weakly (RFC 9110, 13.1.2): W/ or not makes no difference."""
    tag = tag_of(public_api, track)
    for query in ("", "?wait=1"):
        answer = asked(public_api, track, query, If_None_Match=condition.replace("{tag}", tag))
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"].removeprefix("W/") == tag
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("condition", OTHER)
def test_what_is_not_known_is_sent(public_api: Api, track: str, condition: str) -> None:
    tag = tag_of(public_api, track)
    answer = asked(public_api, track, If_None_Match=condition.replace("{tag}", tag))
    assert (answer.status_code, answer.get_json()["status"]) == (200, "failed")


def test_a_change_has_another_tag(public_api: Api) -> None:
    request_id = public_api.accepted()
    before = tag_of(public_api, request_id)
    assert asked(public_api, request_id, If_None_Match=before).status_code == 304
    public_api.change(request_id, progress=0.5)
    assert asked(public_api, request_id, If_None_Match=before).status_code == 200
    assert tag_of(public_api, request_id) != before


def test_a_condition_on_what_is_not_there_is_a_404(public_api: Api) -> None:
    refused(asked(public_api, "x", If_None_Match="*"), 404, "no_such_track")


def test_a_head_is_a_get_without_its_body(public_api: Api, track: str) -> None:
    for path in (f"/v1/tracks/{track}", "/v1/models", "/v1/tracks?limit=1"):
        whole, head = public_api.client.get(path), public_api.client.head(path)
        assert (head.status_code, head.data) == (200, b"")
        for name in ("Content-Type", "Content-Length", "ETag"):
            assert head.headers.get(name) == whole.headers.get(name)
    assert public_api.client.head("/v1/tracks/x").status_code == 404


def test_an_open_track_says_when_to_look_again(public_api: Api, track: str) -> None:
    request_id = public_api.accepted()
    known = {"If_None_Match": "*"}
    for query in ("", "?wait=0"):
        assert asked(public_api, request_id, query).headers["Retry-After"] == "2"
        assert asked(public_api, request_id, query, **known).headers["Retry-After"] == "2"
    assert "Retry-After" not in asked(public_api, track).headers


def test_a_wait_ends_with_the_track(public_api: Api) -> None:
    request_id = public_api.accepted()
    ending = threading.Timer(0.5, public_api.end, (request_id, failed()))
    ending.start()
    began = time.monotonic()
    answer = asked(public_api, request_id, "?wait=60", If_None_Match='"a"')
    ending.join()
    assert answer.get_json()["status"] == "failed"
    assert time.monotonic() - began < 50


@pytest.mark.parametrize("text", ["", "-1", "61", "1.5", "1s", " 1", "\u0661", "0x1", "1e1"])
def test_a_wait_is_a_whole_number_up_to_a_minute(public_api: Api, track: str, text: str) -> None:
    answer = public_api.client.get(f"/v1/tracks/{track}", query_string={"wait": text})
    assert refused(answer, 400, "invalid_field")["field"] == "wait"


@pytest.mark.parametrize("path", READS)
def test_a_parameter_that_nothing_reads_is_refused(public_api: Api, track: str, path: str) -> None:
    for query in ({"wiat": "30"}, {"verbose": "1"}, {"WAIT": "1"}):
        answer = public_api.client.get(path.replace("{id}", track), query_string=query)
        told = refused(answer, 400, "invalid_field")
        assert [told["field"]] == list(query)
        assert told["cure"]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_write_takes_no_query(public_api: Api, method: str, path: str) -> None:
    request_id = public_api.accepted()
    before = public_api.document(request_id).value
    url = path.replace("{id}", request_id)
    answer = public_api.client.open(url, method=method, query_string={"wait": "1"}, json={})
    assert refused(answer, 400, "invalid_field")["field"] == "wait"
    assert public_api.document(request_id).value == before


@pytest.mark.parametrize("path", ["/nowhere", "/v1", "/v1/tracks/", "/v1/track", "/v1/tracks/x/y"])
def test_what_is_no_call_says_where_the_calls_are(public_api: Api, path: str) -> None:
    assert "/openapi.json" in refused(public_api.client.get(path), 404, "not_found")["cure"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST", "TRACE", "BREW"])
def test_another_method_says_which_there_are(public_api: Api, method: str) -> None:
    answer = public_api.client.open("/v1/tracks/x", method=method)
    told: dict[str, Any] = refused(answer, 405, "method_not_allowed")
    assert "Allow" in told["cure"]
    allowed = set(answer.headers["Allow"].split(", "))
    assert allowed == {"GET", "HEAD", "OPTIONS", "DELETE"}
