from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError

from services.ingest.app import create_app
from services.ingest.config import Settings
from shared.gcp.firestore import FirestoreStore
from tests.support.api import GOOD, Api, refused

HERE = "https://studio.example"
THERE = "https://evil.example"
ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
ANSWERED = "Access-Control-Allow-Origin"
PATHS = ["/v1/tracks", "/v1/tracks/x", "/v1/tracks/x/cancel", "/", "/nowhere"]


@pytest.fixture(scope="module")
def listed(public_api: Api) -> FlaskClient:
    """A client of an app that knows two origins."""
    return public_api.make(cors_origins=f"{HERE}, http://127.0.0.1:8080").test_client()


@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_is_answered_for_any_origin(public_api: Api, path: str) -> None:
    before = public_api.documents()
    answer = public_api.client.options(path, headers={"Origin": THERE, **ASKED})
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers[ANSWERED] == "*"
    assert {"POST", "GET"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = answer.headers["Access-Control-Allow-Headers"]
    assert {"Content-Type", "Idempotency-Key", "If-None-Match"} <= set(allowed.split(", "))
    assert answer.headers["Access-Control-Max-Age"] == "3600"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert public_api.documents() == before


def test_answers_and_errors_can_be_read_from_any_origin(public_api: Api) -> None:
    headers = {"Origin": THERE}
    answers = [
        public_api.client.post("/v1/tracks", json=GOOD, headers=headers),
        public_api.client.post("/v1/tracks", json={}, headers=headers),
        public_api.client.post("/v1/tracks", data=b"x" * 40_000, headers=headers),
        public_api.client.get("/v1/tracks/x", headers=headers),
        public_api.client.put("/v1/tracks", headers=headers),
        public_api.client.get("/nowhere", headers=headers),
        public_api.client.post("/", json={}, headers=headers),
    ]
    assert [a.status_code for a in answers] == [202, 400, 413, 404, 405, 404, 400]
    assert {a.headers[ANSWERED] for a in answers} == {"*"}
    shown = answers[0].headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Location", "X-Request-Id", "Idempotent-Replayed"} <= set(shown)


@pytest.mark.parametrize("origin", [HERE, "http://127.0.0.1:8080"])
def test_a_listed_origin_is_named(listed: FlaskClient, origin: str) -> None:
    for answer in (
        listed.options("/v1/tracks", headers={"Origin": origin, **ASKED}),
        listed.get("/v1/tracks/x", headers={"Origin": origin}),
    ):
        assert answer.headers[ANSWERED] == origin
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "origin",
    [THERE, "null", "", f"{HERE}.evil.example", f"{HERE}/", HERE.upper(), "http://studio.example"],
)
def test_another_origin_gets_no_leave(listed: FlaskClient, origin: str) -> None:
    for answer in (
        listed.options("/v1/tracks", headers={"Origin": origin, **ASKED}),
        listed.get("/v1/tracks/x", headers={"Origin": origin}),
    ):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/tracks", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("POST", "/v1/tracks/x", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        ("DELETE", "/v1/models", {"GET", "HEAD", "OPTIONS"}),
        ("GET", "/v1/tracks/x/cancel", {"POST", "OPTIONS"}),
        ("GET", "/v1/tracks/x/retry", {"POST", "OPTIONS"}),
        ("POST", "/v1/tracks/x/audio.wav", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/v1/tracks/x/waveform", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/v1/tracks/x/metadata", {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_another_method_is_told_which(
    public_api: Api, method: str, path: str, allowed: set[str]
) -> None:
    answer = public_api.client.open(path, method=method)
    refused(answer, 405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/nowhere", "/v1", "/v1/tracks/", "/v1/tracks/x/y", "/v2/tracks"])
def test_an_unknown_route_is_a_problem_too(public_api: Api, path: str) -> None:
    refused(public_api.client.get(path), 404, "not_found")


def test_every_answer_is_told_apart_and_never_kept(public_api: Api) -> None:
    request_id = public_api.accepted()
    answers = [public_api.client.get(f"/v1/tracks/{track}") for track in (request_id, "x")]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 2


def test_the_probes_answer(public_api: Api) -> None:
    assert [public_api.client.get(path).status_code for path in ("/startup", "/live")] == [200, 200]


def test_without_firestore_nothing_is_promised(
    public_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setattr(FirestoreStore.__init__, "__kwdefaults__", {"timeout": 0.3})
    client = public_api.make().test_client()
    answer = client.post("/v1/tracks", json=GOOD)
    refused(answer, 503, "store_unavailable")
    assert answer.headers["Retry-After"]


def test_an_open_api_is_refused_on_cloud_run(public_api: Api) -> None:
    with pytest.raises(ValidationError, match="API_AUTH=off"):
        create_app(public_api.settings(k_service="ingest"))


@pytest.mark.parametrize("api_auth", ["", "none", "OFF", "keys"])
def test_another_word_for_api_auth_is_refused(public_api: Api, api_auth: str) -> None:
    with pytest.raises(ValidationError):
        public_api.settings(api_auth=api_auth)


@pytest.mark.parametrize("name", ["gcp_project", "output_bucket", "public_url", "signing_account"])
def test_a_missing_setting_is_named(public_api: Api, name: str) -> None:
    known: dict[str, Any] = public_api.settings().model_dump(exclude={name})
    with pytest.raises(ValidationError, match=name):
        Settings(**known)
