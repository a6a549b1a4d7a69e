"""The OpenAPI document: valid, complete, and true of the parser, the views and the docs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter, ValidationError

from services.ingest.edge.bodies import parse, validated
from services.ingest.edge.schemas import OneOf
from services.ingest.identity.callers import is_public
from services.ingest.openapi import reading
from services.ingest.openapi.calls import CALLS
from services.ingest.openapi.codes import CODES, ENDINGS
from services.ingest.openapi.document import Document
from services.ingest.openapi.examples import REQUESTS
from services.ingest.openapi.operations import Call
from services.ingest.openapi.service_calls import LegacyBody
from services.ingest.tracks.legacy import submission_of
from services.ingest.tracks.submission import Submission
from shared.cures import CURES
from shared.errors import StorageUnavailable, StoreUnavailable, Unauthenticated
from shared.targets import Targets
from shared.webhooks import LIVE_EVENTS, TERMINAL_EVENTS, TEST_EVENT
from tests.support.closed import closed

ROOT = Path(__file__).parents[3]
BASE = "https://api.example"
RAISED = re.compile(r'Problem\(\s*(\d+),\s*"(\w+)"')


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(Document(CALLS, BASE, auth=True).made()))
    return made


def contents(node: Any, path: str = "") -> Iterator[tuple[str, Any, str, Any]]:
    """Every example: where it is, the schema, its name, its value."""
    if isinstance(node, list):
        for number, one in enumerate(node):
            yield from contents(one, f"{path}/{number}")
    elif isinstance(node, dict):
        if "schema" in node and isinstance(node.get("examples"), dict):
            for name, one in node["examples"].items():
                yield path, node["schema"], name, one["value"]
        for name, one in node.items():
            yield from contents(one, f"{path}/{name}")


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert [*OpenAPIV31SpecValidator(document).iter_errors()] == []
    names = [one["operationId"] for _, one in operations(document)]
    assert len(names) == len(set(names)) > 30


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            yield f"{method.upper()} {path}", one


def test_every_example_is_what_its_schema_says_and_nothing_more(document: dict[str, Any]) -> None:
    components = {"schemas": closed(document["components"]["schemas"])}
    found = list(contents({name: document[name] for name in ("paths", "webhooks")}))
    assert len(found) > 100
    for path, schema, name, value in found:
        judge = OAS31Validator(
            {**schema, "components": components}, format_checker=OAS31Validator.FORMAT_CHECKER
        )
        assert [error.message for error in judge.iter_errors(value)] == [], (path, name)


def test_a_wrong_example_would_be_found(document: dict[str, Any]) -> None:
    components = {"schemas": closed(document["components"]["schemas"])}
    schema = {"$ref": "#/components/schemas/TrackDetail", "components": components}
    answers = document["paths"]["/v1/tracks/{track_id}"]["get"]["responses"]["200"]
    good = answers["content"]["application/json"]["examples"]["completed"]["value"]
    judge = OAS31Validator(schema)
    assert judge.is_valid(good)
    wrongs: list[dict[str, Any]] = [
        {"status": "done"}, {"stage": ""}, {"progress": 1.5}, {"surprise": 1},
    ]  # fmt: skip
    for wrong in wrongs:
        assert not judge.is_valid(good | wrong), wrong


@pytest.mark.parametrize("call", [call for call in CALLS if call.body], ids=lambda call: call.name)
def test_every_request_has_examples_that_the_parser_takes(call: Call) -> None:
    assert REQUESTS[call.body]
    for body in REQUESTS[call.body].values():
        sent = json.loads(json.dumps(body))
        if call.body is Submission:
            assert parse(sent, Targets("")).prompt == sent.get("prompt", "")
        elif call.body is LegacyBody:
            assert submission_of(sent).style == sent["style"]
        else:
            assert validated(call.body, sent, {})


def test_the_request_schema_refuses_what_the_parser_refuses(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["Submission"]
    judge = OAS31Validator(schema | {"components": document["components"]})
    good = {"prompt": "warm strings at dawn"}
    assert judge.is_valid(good)
    wrongs: list[dict[str, Any]] = [
        {"style": "polka"}, {"tempo": 39}, {"tempo": "allegro"}, {"duration_seconds": 301},
        {"formats": []}, {"formats": ["aiff"]}, {"seed": -1}, {"bit_depth": 20}, {"loop": 1},
        {"loudness_lufs": -31}, {"model": "x"}, {"priority": "soon"}, {"title": "x"},
        {"callback_events": ["track.paused"]}, {"metadata": {"k": 1}}, {"prompt": "x"},
        {"expires_in_seconds": 0}, {"max_cost_usd": -1}, {"callback_url": "http://a.example"},
    ]  # fmt: skip
    for wrong in wrongs:
        assert not judge.is_valid(good | wrong), wrong
        if wrong != {"callback_url": "http://a.example"}:  # refused by another part
            with pytest.raises(ValidationError):
                Submission.model_validate(good | wrong)


def test_one_marker_makes_the_check_and_its_description() -> None:
    adapter = TypeAdapter(Annotated[int, OneOf((16, 24))])
    assert adapter.json_schema() == {"type": "integer", "enum": [16, 24]}
    assert adapter.validate_python(24) == 24
    with pytest.raises(ValidationError, match="must be one of: 16, 24"):
        adapter.validate_python(20)


def test_webhooks_of_every_type_are_described(document: dict[str, Any]) -> None:
    assert document["webhooks"].keys() == {*TERMINAL_EVENTS, *LIVE_EVENTS, TEST_EVENT}
    for kind, hook in document["webhooks"].items():
        names = {one["name"] for one in hook["post"]["parameters"] if one["required"]}
        assert names == {"webhook-id", "webhook-timestamp", "webhook-signature"}
        (content,) = hook["post"]["requestBody"]["content"].values()
        (example,) = content["examples"].values()
        assert example["value"]["type"] == kind


def test_every_code_that_is_raised_is_described_with_its_status() -> None:
    raised = {
        (int(status), code)
        for path in (ROOT / "services" / "ingest").rglob("*.py")
        for status, code in RAISED.findall(path.read_text())
    }
    assert (409, "not_completed") in raised
    assert raised <= {(word.status, code) for code, word in CODES.items()}
    for error in (StoreUnavailable, StorageUnavailable, Unauthenticated):
        assert error.code in CODES
    used = {code for call in CALLS for code in call.all_codes()}
    assert CODES.keys() - used == {"not_found", "method_not_allowed"}
    assert ENDINGS.keys() == CURES.keys()


def test_links_lead_to_calls_by_what_the_answer_holds(document: dict[str, Any]) -> None:
    known = {one["operationId"]: one for _, one in operations(document)}
    count = 0
    for where, one in operations(document):
        for answer in one["responses"].values():
            for link in answer.get("links", {}).values():
                target = known[link["operationId"]]
                taken = {p["name"] for p in target["parameters"] if p["in"] == "path"}
                assert link["parameters"].keys() == taken, where
                count += 1
    assert count >= 10


def test_who_needs_a_key_is_told(document: dict[str, Any]) -> None:
    for call in CALLS:
        rule = re.sub(r"{(\w+)}", r"<\1>", call.path)
        assert is_public(rule) == call.public, call.path
        one = document["paths"][call.path][call.method.lower()]
        assert bool(one["security"]) != call.public
        if not call.public:
            assert {"bearer": []} in one["security"]
            assert any("csrf" in way for way in one["security"]) == (call.method != "GET")
    unkeyed = Document(CALLS, BASE, auth=False).made()
    assert all(one["security"] == [] for _, one in operations(unkeyed))


def test_the_prose_names_every_call_and_every_code() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    for call in CALLS:
        path = re.sub(r"{\w+_id}", "{id}", call.path).replace("{name}", "{fmt}")
        assert f"`{call.method} {path}`" in text, call.path
    assert [code for code in CODES if f"`{code}`" not in text] == []


def test_a_pasted_line_brings_what_the_call_is_for(document: dict[str, Any]) -> None:
    def line(path: str) -> str:
        url = f"http://127.0.0.1:8080{path}"
        return reading.curl("get", url, document["paths"][path]["get"]).replace(" \\\n ", "")

    track = "/v1/tracks/{track_id}"
    assert line(f"{track}/audio.{{name}}").startswith("curl -L -O -J ")
    assert line(f"{track}/waveform").startswith("curl -L -O -J ")
    assert line(f"{track}/events").startswith("curl -N ")
    assert line(f"{track}/stream").startswith('websocat "ws://')
    assert line(track).startswith('curl "http://')


def test_no_answer_has_the_words_of_another(document: dict[str, Any]) -> None:
    for status, one in document["paths"]["/"]["post"]["responses"].items():
        (media,) = one["content"].values()
        assert "examples" not in media or status in ("200", "400"), status
