import json
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from services.ingest.config import Settings
from tests.support.api import Api, refused

PROMPT = "A calm piano piece"
LONGEST = 300


def post(api: Api, body: object) -> TestResponse:
    return api.client.post("/", json=body)


def told(answer: TestResponse, status: int = 400) -> str:
    """The text of a refusal in the first service's shape, and nothing else in it."""
    assert (answer.status_code, answer.content_type) == (status, "application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    body = answer.get_json()
    assert list(body) == ["error"]
    return str(body["error"])


def test_the_answer_is_the_first_services(public_api: Api) -> None:
    body = {"prompt": PROMPT, "style": "jazz", "duration_seconds": 20, "tempo": "slow"}
    answer = post(public_api, body)
    shown = answer.get_json()
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert list(shown.items()) == [
        ("request_id", shown["request_id"]),
        ("status", "queued"),
        ("message", "Music generation request submitted successfully"),
        ("estimated_completion", "30-120 seconds"),
        ("model", "lyria-002"),
        ("parameters", {"style": "jazz", "duration_seconds": 20, "tempo": "slow"}),
    ]
    published = {message.request_id: message for message in public_api.published()}
    message = published[shown["request_id"]]
    assert (message.tenant, message.request.prompt) == ("local", PROMPT)


def test_defaults_are_those_of_the_first_service(public_api: Api) -> None:
    shown = post(public_api, {"prompt": PROMPT}).get_json()
    assert shown["parameters"] == {
        "style": "instrumental",
        "duration_seconds": 30,
        "tempo": "moderate",
    }


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ({"style": "polka"}, {"style": "instrumental"}),
        ({"style": "JAZZ"}, {"style": "instrumental"}),
        ({"style": ""}, {"style": "instrumental"}),
        ({"tempo": "allegro"}, {"tempo": "moderate"}),
        ({"tempo": "120"}, {"tempo": "moderate"}),
        ({"duration_seconds": LONGEST}, {"duration_seconds": LONGEST}),
        ({"duration_seconds": 33}, {"duration_seconds": 33}),
        ({"duration_seconds": 301}, {"duration_seconds": LONGEST}),
        ({"duration_seconds": 10**100}, {"duration_seconds": LONGEST}),
        ({"duration_seconds": 1}, {"duration_seconds": 1}),
    ],
)
def test_what_it_does_not_know_becomes_what_it_does(
    public_api: Api, sent: dict[str, Any], taken: dict[str, Any]
) -> None:
    answer = post(public_api, {"prompt": PROMPT, **sent})
    assert answer.status_code == 200, answer.text
    shown = answer.get_json()["parameters"]
    assert {name: shown[name] for name in taken} == taken
    assert isinstance(shown["duration_seconds"], int)
    track = public_api.document(answer.get_json()["request_id"]).value
    assert track
    assert track.request.duration_seconds == shown["duration_seconds"]


def test_unknown_fields_are_ignored(public_api: Api) -> None:
    extra = {"user_id": 7, "seed": "x", "callback_url": 5, "negative_prompt": [], "model": "x"}
    answer = post(public_api, {"prompt": PROMPT, **extra})
    track = public_api.document(answer.get_json()["request_id"]).value
    assert track
    assert (track.request.callback_url, track.request.seed) == ("", -1)


@pytest.mark.parametrize("blanks", ["  {}  ", "\n{}\n", "\t{}\r\n", "{}\u00a0"])
def test_blanks_around_the_prompt_do_not_count(public_api: Api, blanks: str) -> None:
    answer = post(public_api, {"prompt": blanks.format(PROMPT)})
    assert answer.status_code == 200, answer.text
    track = public_api.document(answer.get_json()["request_id"]).value
    assert track
    assert track.request.prompt == PROMPT
    assert told(post(public_api, {"prompt": blanks.format("four")})).endswith("5 characters")
    assert post(public_api, {"prompt": blanks.format("x" * 500)}).status_code == 200


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "No JSON body provided"),
        (b"not JSON", "No JSON body provided"),
        (b"null", "No JSON body provided"),
        (b"{}", "No JSON body provided"),
        (b"[]", "No JSON body provided"),
        (b'"x"', "No JSON body provided"),
        (b'{"prompt": ' + b"[" * 10_000, "No JSON body provided"),
        (b'{"style": "jazz"}', "Missing required field: prompt"),
        (b'{"prompt": null}', "Missing required field: prompt"),
        (b'{"prompt": ""}', "Prompt must be at least 5 characters"),
        (b'{"prompt": "four"}', "Prompt must be at least 5 characters"),
        (b'{"prompt": "  four  "}', "Prompt must be at least 5 characters"),
        (json.dumps({"prompt": "x" * 501}).encode(), "Prompt must be less than 500 characters"),
    ],
)
def test_refusals_are_in_the_first_services_words(public_api: Api, body: bytes, text: str) -> None:
    before = public_api.documents()
    answer = public_api.client.post("/", data=body, content_type="application/json")
    assert told(answer) == text
    assert public_api.documents() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prompt", 12345),
        ("prompt", ["five", "words"]),
        ("prompt", "calm \u202e piano"),
        ("prompt", "calm \ud800 piano"),
        ("style", 5),
        ("style", None),
        ("tempo", 120),
        ("tempo", None),
        ("tempo", ["slow"]),
        ("duration_seconds", 0),
        ("duration_seconds", -5),
        ("duration_seconds", 20.5),
        ("duration_seconds", 20.0),
        ("duration_seconds", float("nan")),
        ("duration_seconds", float("inf")),
        ("duration_seconds", [20]),
        ("duration_seconds", "30"),
        ("duration_seconds", True),
        ("duration_seconds", None),
    ],
)
def test_a_wrong_type_is_refused_in_the_same_shape(
    public_api: Api, name: str, value: object
) -> None:
    before = public_api.documents()
    assert told(post(public_api, {"prompt": PROMPT, name: value})) == f"Invalid field: {name}"
    assert public_api.documents() == before


def test_a_body_that_is_too_long_is_refused_in_the_same_shape(public_api: Api) -> None:
    assert told(post(public_api, {"prompt": "x" * 40_000}), 413) == "Body is too large"


def test_the_type_of_the_body_does_not_matter(public_api: Api) -> None:
    data = json.dumps({"prompt": PROMPT})
    for content_type in (None, "text/plain", "application/x-www-form-urlencoded"):
        answer = public_api.client.post("/", data=data, content_type=content_type)
        assert answer.status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_only_post_is_allowed(public_api: Api, method: str) -> None:
    answer = public_api.client.open("/", method=method, json={"prompt": PROMPT})
    assert told(answer, 405) == "Only POST method allowed"


def test_a_preflight_tells_what_is_allowed(public_api: Api) -> None:
    answer = public_api.client.options("/", headers={"Origin": "https://studio.example"})
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Max-Age"] == "3600"


def test_idempotency_keys_work_here_too(public_api: Api) -> None:
    def keyed(key: str, **body: object) -> TestResponse:
        headers = {"Idempotency-Key": key}
        return public_api.client.post("/", json={"prompt": PROMPT, **body}, headers=headers)

    assert keyed("l1").data == keyed("l1").data
    assert "Idempotency-Key" in told(keyed("l1", style="jazz"), 422)
    assert "Idempotency-Key" in told(keyed("two words"), 400)


def test_trouble_of_ours_tells_nothing_of_it(
    public_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest.tracks.use_cases.ROUNDS", 0)
    assert told(post(public_api, {"prompt": PROMPT}), 500) == "Internal server error"


def cloud(api: Api, tenant: str) -> Flask:
    """The app as on Cloud Run, past the check that keeps an API without keys from there."""
    known = api.settings().model_dump() | {"k_service": "ingest", "legacy_api_tenant": tenant}
    return api.make(checked=Settings.model_construct(**known))


def test_on_cloud_run_it_is_off_unless_somebody_pays(public_api: Api) -> None:
    off = cloud(public_api, "").test_client()
    refused(off.post("/", json={"prompt": PROMPT}), 405, "method_not_allowed")
    assert off.get("/").content_type == "text/html; charset=utf-8"
    answer = cloud(public_api, "shop").test_client().post("/", json={"prompt": PROMPT})
    track = public_api.document(answer.get_json()["request_id"]).value
    assert track
    assert track.tenant == "shop"
