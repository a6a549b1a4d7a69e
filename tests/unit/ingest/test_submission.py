import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ingest.edge.bodies import fingerprint, parse, to_object
from services.ingest.tracks import catalog
from services.ingest.tracks.submission import CURES, Submission, parameters
from shared.messages import TrackRequested, decode_request, encode
from shared.problems import Problem
from shared.targets import Targets
from tests.support.topics import track_requested

NOBODY = Targets()
GOOD = {"prompt": "warm strings at dawn"}
TEXT = st.text(st.characters(codec=None), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
PROMPT = st.text("abcdefghij äöü", max_size=495).map(lambda text: f"five{text}x")
HONEST = st.fixed_dictionaries(
    {"prompt": PROMPT},
    optional={
        "style": st.sampled_from(catalog.STYLES),
        "tempo": st.sampled_from(catalog.TEMPO_WORDS) | st.integers(40, 220),
        "duration_seconds": st.integers(1, 300) | st.floats(1, 300),
        "negative_prompt": st.text("abc \u0301", max_size=500),
        "seed": st.none() | st.integers(0, 2**31 - 1),
        "loudness_lufs": st.none() | st.integers(-30, -8) | st.floats(-30, -8),
        "formats": st.lists(st.sampled_from(catalog.FORMATS), min_size=1),
        "bit_depth": st.sampled_from(catalog.BIT_DEPTHS),
        "loop": st.booleans(),
        "callback_events": st.lists(st.sampled_from(catalog.EVENTS)),
        "priority": st.sampled_from(["interactive", "batch"]),
        "metadata": st.dictionaries(
            st.text("ab.é", min_size=1, max_size=64), st.text("ab ", max_size=512), max_size=16
        ),
        "max_cost_usd": st.none() | st.floats(0, 10),
        "expires_in_seconds": st.integers(1, 604_800),
    },
)


def fields() -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose names are mostly known and whose values are anything."""
    return st.dictionaries(st.sampled_from(list(CURES)) | TEXT, JSON, max_size=6)


@given(fields())
@example({"\ud800": 1})
@example({"prompt": "warm strings", "metadata": {"\ud800": "\ud800"}})
@example({"prompt": "warm strings", "max_cost_usd": 10**400, "loudness_lufs": -(10**400)})
def test_an_object_is_a_submission_or_a_problem(body: dict[str, Any]) -> None:
    for whole in (body, {**body, **GOOD}):
        match outcome(whole):
            case Problem() as problem:
                assert problem.status == 400
                codes = {"invalid_field", "missing_field", "unknown_field", "target_not_allowed"}
                assert problem.code in codes
                assert problem.cure
                assert problem.errors[0]["field"] == problem.field
            case Submission() as taken:
                assert carried(taken).request == taken.to_request()


def outcome(body: dict[str, Any]) -> Submission | Problem:
    try:
        return parse(body, NOBODY)
    except Problem as problem:
        return problem


def carried(taken: Submission) -> TrackRequested:
    """The message of a submission, there and back."""
    message = track_requested("x").model_copy(update={"request": taken.to_request()})
    return decode_request(encode(message))


@given(HONEST)
@example({"prompt": "e\u0301" * 500})
def test_what_is_echoed_is_accepted_as_the_same(body: dict[str, Any]) -> None:
    request = parse(body, NOBODY).to_request()
    echoed = json.loads(json.dumps(parameters(request)))
    assert parse(echoed, NOBODY).to_request() == request


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"9" * 5_000)
@example(b"\xff\xfe{\x00}\x00")
@example(b"\xed\xa0\x80")
def test_bytes_are_an_object_or_nothing(raw: bytes) -> None:
    body = to_object(raw)
    assert body is None or isinstance(body, dict)


BOM = b"\xef\xbb\xbf"


def test_a_byte_order_mark_is_ignored() -> None:
    raw = json.dumps(GOOD | {"negative_prompt": "Geräusch"}, ensure_ascii=False).encode()
    assert to_object(BOM + raw) == to_object(raw) is not None


@pytest.mark.parametrize(
    "raw",
    [
        BOM,
        BOM + BOM + b"{}",
        b" " + BOM + b"{}",
        b"{" + BOM + b"}",
        BOM[:2] + b"{}",
        '{"prompt": "warm strings"}'.encode("utf-16"),
        '{"prompt": "warm strings"}'.encode("utf-32"),
    ],
    ids=["alone", "twice", "late", "inside", "cut", "UTF-16", "UTF-32"],
)
def test_a_byte_order_mark_comes_once_and_first_and_is_that_of_utf_8(raw: bytes) -> None:
    assert to_object(raw) is None


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "fives"},
        {"prompt": "x" * 500},
        {"prompt": "  fives  "},
        {"prompt": "ไวโอลินอบอุ่น"},
        {"prompt": "می‌خواهم آرام"},
        {"prompt": "violin 👩‍🎤 solo"},
        GOOD | {"tempo": 40},
        GOOD | {"tempo": 220},
        GOOD | {"duration_seconds": 1},
        GOOD | {"duration_seconds": 1.0},
        GOOD | {"duration_seconds": 7.3},
        GOOD | {"duration_seconds": 299.999},
        GOOD | {"duration_seconds": 300},
        GOOD | {"duration_seconds": 300.0, "loop": True},
        GOOD | {"formats": ["m4a"], "bit_depth": 24},
        GOOD | {"formats": ["wav", "flac", "mp3", "ogg", "m4a"], "bit_depth": 16},
        GOOD | {"seed": 0},
        GOOD | {"seed": 2**31 - 1},
        GOOD | {"loudness_lufs": -30},
        GOOD | {"loudness_lufs": -8.0},
        GOOD | {"loudness_lufs": None},
        GOOD | {"negative_prompt": "x" * 500},
        GOOD | {"expires_in_seconds": 604_800},
        GOOD | {"max_cost_usd": 0.06},
        GOOD | {"metadata": {f"{n:064}": "v" * 512 for n in range(16)}},
        GOOD | {"callback_url": "https://hooks.example/".ljust(2048, "x")},
    ],
    ids=str,
)
def test_limits_are_within(body: dict[str, Any]) -> None:
    assert parse(body, NOBODY).to_request()


def test_no_seed_is_another_thing_than_seed_0() -> None:
    seeds = [parse(GOOD | sent, NOBODY).to_request().seed for sent in ({}, {"seed": 0})]
    assert seeds == [-1, 0]


def test_text_is_kept_in_one_form() -> None:
    taken = parse({"prompt": " Cafe\u0301 jazz ", "negative_prompt": " drums "}, NOBODY)
    assert (taken.prompt, taken.negative_prompt) == ("Café jazz", "drums")


def test_what_comes_twice_is_kept_once() -> None:
    events = ["track.failed", "track.completed", "track.failed"]
    formats = ["mp3", "wav", "mp3", "ogg", "wav"]
    taken = parse(GOOD | {"formats": formats, "callback_events": events}, NOBODY)
    assert taken.to_request().formats == ("mp3", "wav", "ogg")
    assert taken.callback_events == events[:2]


def test_what_was_asked_for_is_carried() -> None:
    sent = {"duration_seconds": 61.7, "formats": ["flac"], "bit_depth": 24, "loop": True}
    request = parse(GOOD | sent | {"loudness_lufs": None}, NOBODY).to_request()
    assert (request.duration_seconds, request.formats, request.loudness_lufs) == (
        61.7,
        ("flac",),
        (),
    )
    assert (request.bit_depth, request.loop) == (24, True)


@pytest.mark.parametrize(
    ("sent", "echoed"), [("30", "30"), ("30.0", "30"), ("7.3", "7.3"), ("3e2", "300")]
)
def test_whole_seconds_are_echoed_as_whole_numbers(sent: str, echoed: str) -> None:
    body = to_object(f'{{"prompt": "warm strings", "duration_seconds": {sent}}}'.encode())
    assert body
    shown = parameters(parse(body, NOBODY).to_request())["duration_seconds"]
    assert json.dumps(shown) == echoed
    assert json.dumps(parameters(parse(GOOD, NOBODY).to_request())["duration_seconds"]) == "30"


@pytest.mark.parametrize(
    "seconds", ["NaN", "Infinity", "-Infinity", "1e400", "0.999", "300.001", "1e-400", '"30"']
)
def test_seconds_that_are_none_are_refused_by_name(seconds: str) -> None:
    body = to_object(f'{{"prompt": "warm strings", "duration_seconds": {seconds}}}'.encode())
    assert body
    with pytest.raises(Problem) as caught:
        parse(body, NOBODY)
    assert (caught.value.code, caught.value.field) == ("invalid_field", "duration_seconds")


def test_plain_http_is_for_allowed_targets_only() -> None:
    body = GOOD | {"callback_url": "http://127.0.0.1:8091/hook"}
    assert parse(body, Targets("127.0.0.1:8091")).callback_url
    with pytest.raises(Problem, match="callback_url: must start with https") as caught:
        parse(body, Targets("127.0.0.1:8092"))
    assert (caught.value.status, caught.value.field) == (400, "callback_url")
    assert "public host" in caught.value.cure


def test_every_field_has_a_cure() -> None:
    assert set(CURES) == set(Submission.model_fields)


@given(HONEST, st.randoms())
def test_a_fingerprint_does_not_see_order_and_blanks(body: dict[str, Any], random: Any) -> None:
    names = list(body)
    random.shuffle(names)
    text = json.dumps({name: body[name] for name in names}, indent=3, ensure_ascii=False)
    again = to_object(text.encode())
    assert again is not None
    assert fingerprint(again) == fingerprint(body)


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "warm strings at dawn."},
        GOOD | {"style": "instrumental"},
        GOOD | {"seed": None},
        GOOD | {"metadata": {}},
    ],
)
def test_a_fingerprint_sees_what_was_sent_and_no_defaults(other: dict[str, Any]) -> None:
    assert fingerprint(other) != fingerprint(GOOD)
