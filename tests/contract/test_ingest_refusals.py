import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from tests.support.api import BASE, GOOD, Api, refused

JSON = "application/json"
PROMPT = GOOD["prompt"]


def problem(answer: TestResponse, status: int, code: str, field: str) -> dict[str, Any]:
    """The body of a refusal that says what to do."""
    body = refused(answer, status, code)
    assert body["field"] == field
    assert body["cure"]
    return body


NOT_AN_OBJECT: dict[str, bytes | str] = {
    "empty": b"",
    "blank": b"  ",
    "not JSON": b"{'prompt': 'warm strings'}",
    "cut": b'{"prompt": "warm strings"',
    "two objects": b'{"prompt": "warm strings"}{}',
    "array": b'["prompt"]',
    "null": b"null",
    "string": b'"warm strings"',
    "number": b"5",
    "not UTF-8": b'{"prompt": "warm strings \xff"}',
    "deep arrays": b'{"prompt": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "deep objects": b'{"a":' * 5_000,
    "nine levels": json.dumps({"metadata": [[[[[[[[[]]]]]]]]]}),
    "endless number": b'{"seed": ' + b"9" * 5_000 + b"}",
    "duplicate name": b'{"prompt": "warm strings", "prompt": "cold strings"}',
    "duplicate name inside": b'{"prompt": "warm strings", "metadata": {"a": "1", "a": "2"}}',
}


@pytest.mark.parametrize("body", NOT_AN_OBJECT.values(), ids=NOT_AN_OBJECT.keys())
def test_what_is_no_json_object_is_refused(public_api: Api, body: bytes) -> None:
    before = public_api.documents()
    answer = public_api.client.post("/v1/tracks", data=body, content_type=JSON)
    problem(answer, 400, "invalid_json", "body")
    assert public_api.untouched_since(before)


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonl", "json"],
)
def test_what_is_not_called_json_is_refused(public_api: Api, content_type: str | None) -> None:
    before = public_api.documents()
    data = json.dumps(GOOD).encode()
    answer = public_api.client.post("/v1/tracks", data=data, content_type=content_type)
    problem(answer, 415, "unsupported_media_type", "Content-Type")
    assert public_api.untouched_since(before)


def long_url(length: int) -> str:
    return "https://hooks.example/".ljust(length, "x")


WRONG: dict[str, list[Any]] = {
    "prompt": [
        5,
        True,
        None,
        [PROMPT],
        {"text": PROMPT},
        "four",
        "x" * 501,
        "",
        " " * 20,
        "\u3000\u00a0" * 9,
        "  four  ",
        "warm\nstrings",
        "warm strings\n",
        "warm\x00strings",
        "warm\x1b[31mstrings",
        "warm\x7fstrings",
        "warm\u0085strings",
        "warm\u2028strings",
        "warm \u202estrings",
        "warm \u2066strings\u2069",
        "warm \u200fstrings",
        "warm\ufeffstrings",
        "warm \ud800strings",
        "warm \udc00\ud800strings",
        "warm \u0378strings",
        "warm \ufffe strings",
        "warm \ue000 strings",
        "e\u0301" * 4,
    ],
    "negative_prompt": [None, 5, "x" * 501, "drums\n", "\u202e", "\ufb2c" * 200],
    "style": ["polka", "Jazz", "jazz ", "", 5, None, True, ["jazz"], "\ud800"],
    "tempo": ["allegro", "120", "", 39, 221, 0, -120, 120.0, True, None, [120], 10**400],
    "duration_seconds": [
        0,
        -1,
        0.999,
        300.001,
        301,
        float("nan"),
        float("inf"),
        float("-inf"),
        "30",
        True,
        None,
        [20],
        {"seconds": 20},
        10**400,
    ],
    "seed": [-1, 2**31, 1.0, "7", True, [7], 10**4000],
    "formats": [
        [],
        "wav",
        ["aac"],
        ["WAV"],
        ["wav", "mp4"],
        ["wav", 1],
        ["wav", None],
        [["wav"]],
        None,
        {"wav": True},
        True,
    ],
    "bit_depth": [8, 20, 32, -16, "16", 24.0, [24], True, None],
    "loudness_lufs": [-30.1, -7.9, 0, float("nan"), float("-inf"), "-14", True, [-14], 10**400],
    "loop": [0, 1, 1.0, "true", "false", [], None],
    "priority": ["urgent", 1, None, True, ""],
    "callback_events": ["track.failed", ["track.failed.v1"], ["webhook.test"], [5], None, {}],
    "callback_url": [
        "hooks",
        "/hooks",
        "//hooks.example/",
        "http://hooks.example/",
        "http://127.0.0.1:8091/",
        "ftp://hooks.example/",
        "javascript:alert(1)",
        "https://",
        "https://user@hooks.example/",
        "https://user:secret@hooks.example/",
        "https://hooks.example/#part",
        "https://hooks.example/\r\nX: y",
        "https://hooks.example/\u00fc",
        "https://hooks.example:0/",
        "https://hooks.example:8080/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://[::ffff:10.0.0.1]/",
        "https://localhost/",
        "https://metadata.google.internal/",
        f"{BASE}/hook",
        long_url(2049),
        5,
        True,
        None,
        ["https://hooks.example/"],
    ],
    "expires_in_seconds": [0, -1, 604_801, 60.0, "60", True, None],
    "metadata": [
        {f"k{n}": "v" for n in range(17)},
        {"k" * 65: "v"},
        {"": "v"},
        {"k": "v" * 513},
        {"k": 1},
        {"k": None},
        {"k": True},
        {"k": ["v"]},
        {"k": {"k": "v"}},
        {"k\n": "v"},
        {"k": "v\x00"},
        {"k": "\ud800"},
        {"\ud800": "v"},
        {"__name__": "v"},
        [["k", "v"]],
        "k=v",
        None,
    ],
    "max_cost_usd": [float("inf"), -0.01, "1", True, [1], 10**400],
    "model": ["lyria-003", "LYRIA-002", "", None, 2],
}
CASES = [(field, value) for field, values in WRONG.items() for value in values]


@pytest.mark.parametrize(("field", "value"), CASES)
def test_a_wrong_field_is_named_with_its_cure(public_api: Api, field: str, value: Any) -> None:
    before = public_api.documents()
    target = field == "callback_url" and isinstance(value, str)
    code = "target_not_allowed" if target else "invalid_field"
    refused = problem(public_api.submit(**{field: value}), 400, code, field)
    (error,) = refused["errors"]
    assert (error["field"], error["cure"]) == (field, refused["cure"])
    assert public_api.untouched_since(before)


def test_a_number_beyond_all_numbers_is_refused_by_its_field(public_api: Api) -> None:
    before = public_api.documents()
    for field in ("duration_seconds", "loudness_lufs", "max_cost_usd"):
        data = f'{{"prompt": "{PROMPT}", "{field}": 1e400}}'
        answer = public_api.client.post("/v1/tracks", data=data, content_type=JSON)
        problem(answer, 400, "invalid_field", field)
    assert public_api.untouched_since(before)


@pytest.mark.parametrize(
    ("sent", "limit", "price"),
    [
        ({}, 0.05, "0.06"),
        ({"duration_seconds": 33}, 0.06, "0.12"),
        ({"duration_seconds": 32.5, "loop": True}, 0.119_999, "0.12"),
        ({"duration_seconds": 300}, 0.59, "0.60"),
    ],
)
def test_a_price_above_the_limit_is_refused(
    public_api: Api, sent: dict[str, Any], limit: float, price: str
) -> None:
    before = public_api.documents()
    answer = public_api.submit(**sent, max_cost_usd=limit)
    told = problem(answer, 400, "max_cost_exceeded", "max_cost_usd")
    assert price in told["detail"]
    assert public_api.untouched_since(before)


def test_a_price_at_the_limit_is_taken(public_api: Api) -> None:
    for seconds, limit in ((32, 0.06), (33, 0.12), (300, 0.6)):
        answer = public_api.submit(duration_seconds=seconds, max_cost_usd=limit)
        assert (answer.status_code, answer.get_json()["quote_usd"]) == (202, limit)
    public_api.published()


@pytest.mark.parametrize("name", ["bpm", "Prompt", "prompt ", "request_id", "__class__", "\x1b"])
def test_an_unknown_field_is_refused_by_name(public_api: Api, name: str) -> None:
    before = public_api.documents()
    refused = problem(public_api.submit(**{name: 1}), 400, "unknown_field", name)
    assert "prompt, negative_prompt" in refused["cure"]
    assert public_api.untouched_since(before)


def test_a_name_that_is_no_text_is_refused(public_api: Api) -> None:
    before = public_api.documents()
    problem(public_api.submit(**{"\ud800": 1}), 400, "invalid_field", "body")
    assert public_api.untouched_since(before)


def test_a_missing_prompt_is_named(public_api: Api) -> None:
    before = public_api.documents()
    problem(public_api.submit({"style": "jazz"}), 400, "missing_field", "prompt")
    problem(public_api.submit({}), 400, "missing_field", "prompt")
    assert public_api.untouched_since(before)


def test_every_wrong_field_is_told_the_first_on_top(public_api: Api) -> None:
    body = {"prompt": PROMPT, "tempo": [], "seed": "7", "bpm": 1, "style": "polka"}
    refused = problem(public_api.submit(body), 400, "invalid_field", "style")
    told = [(error["field"], error["code"]) for error in refused["errors"]]
    wrong = [(field, "invalid_field") for field in ("style", "tempo", "seed")]
    assert told == [*wrong, ("bpm", "unknown_field")]


def test_many_errors_make_no_long_answer(public_api: Api) -> None:
    answer = public_api.submit({f"x{n}": 1 for n in range(2000)})
    assert problem(answer, 400, "missing_field", "prompt")
    assert len(answer.data) < 32_768


@pytest.mark.parametrize(
    "key", ["", '""', '"', '"k', 'k"', "two words", "tab\tkey", "\u00fc", "k\\", "k" * 256, '"k"k"']
)
def test_a_malformed_idempotency_key_is_refused(public_api: Api, key: str) -> None:
    before = public_api.documents()
    headers = [("Idempotency-Key", key)]
    answer = public_api.client.post("/v1/tracks", json=GOOD, headers=headers)
    problem(answer, 400, "invalid_field", "Idempotency-Key")
    assert public_api.untouched_since(before)


def test_two_idempotency_keys_are_none(public_api: Api) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = public_api.client.post("/v1/tracks", json=GOOD, headers=headers)
    problem(answer, 400, "invalid_field", "Idempotency-Key")


def padded(length: int) -> bytes:
    return json.dumps(GOOD).encode().ljust(length)


def test_a_body_of_32_kilobytes_is_taken_and_one_byte_more_is_not(public_api: Api) -> None:
    whole = public_api.client.post("/v1/tracks", data=padded(32_768), content_type=JSON)
    assert whole.status_code == 202
    public_api.published()
    before = public_api.documents()
    answer = public_api.client.post("/v1/tracks", data=padded(32_769), content_type=JSON)
    problem(answer, 413, "request_entity_too_large", "body")
    assert public_api.untouched_since(before)


@pytest.fixture
def served(public_api: Api) -> Iterator[HTTPConnection]:
    """A connection to the app behind a real server: only there bodies come in chunks."""
    server = make_server("127.0.0.1", 0, public_api.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    yield connection
    connection.close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("length", [32_769, 200_000])
def test_a_chunked_body_is_counted_while_it_is_read(
    public_api: Api, served: HTTPConnection, length: int
) -> None:
    before = public_api.documents()
    body = (padded(length)[at : at + 4096] for at in range(0, length, 4096))
    served.request("POST", "/v1/tracks", body, {"Content-Type": JSON}, encode_chunked=True)
    answer = served.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (413, "request_entity_too_large")
    assert public_api.untouched_since(before)


def test_a_chunked_body_within_the_limit_is_taken(public_api: Api, served: HTTPConnection) -> None:
    body = iter([padded(20_000), b" " * 12_768])
    served.request("POST", "/v1/tracks", body, {"Content-Type": JSON}, encode_chunked=True)
    answer = served.getresponse()
    assert answer.status == 202
    assert [m.request_id for m in public_api.published()] == [
        json.loads(answer.read())["request_id"]
    ]
