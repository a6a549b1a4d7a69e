import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from pydantic import ValidationError

from shared.errors import Malformed
from shared.messages import (
    ENDING_TYPES,
    AudioObject,
    SideObject,
    TrackEvent,
    TrackRequest,
    TrackRequested,
    TrackResult,
    decode_event,
    decode_request,
    encode,
    event_attributes,
    request_attributes,
)
from tests.support.messages import completed_event, events, requests
from tests.support.topics import track_requested

REQUESTED = json.loads(encode(track_requested("x")))
EVENT = json.loads(encode(completed_event()))


@given(requests())
def test_a_command_comes_back_as_it_went(message: TrackRequested) -> None:
    assert decode_request(encode(message)) == message


@given(events())
def test_an_event_comes_back_as_it_went(message: TrackEvent) -> None:
    assert decode_event(encode(message)) == message


def test_readers_ignore_what_a_newer_writer_added() -> None:
    newer = REQUESTED | {"shade": None, "request": REQUESTED["request"] | {"mood": [1]}}
    assert decode_request(json.dumps(newer).encode()) == track_requested_like(REQUESTED)
    event = EVENT | {"shade": 1, "result": [EVENT["result"][0] | {"bpm": 1}]}
    assert decode_event(json.dumps(event).encode()) == completed_event()


def track_requested_like(fields: dict[str, Any]) -> TrackRequested:
    return TrackRequested.model_validate(fields)


def test_a_new_type_of_event_is_read() -> None:
    assert decode_event(json.dumps(EVENT | {"type": "track.hummed.v9"}).encode()).result


def changed(path: str, value: object) -> bytes:
    """The command with one value replaced, or (...) left out."""
    whole = json.loads(json.dumps(REQUESTED))
    *parents, last = path.split(".")
    part = whole
    for name in parents:
        part = part[name]
    part[last] = value
    if value is ...:
        del part[last]
    return json.dumps(whole).encode()


BROKEN = {
    "empty": b"",
    "not JSON": b"track",
    "not UTF-8": encode(track_requested("x")).replace(b"waltz", b"w\xffltz"),
    "cut": encode(track_requested("x"))[:-1],
    "twice": encode(track_requested("x")) * 2,
    "JSON null": b"null",
    "an array": b"[]",
    "a string": b'"x"',
    "deep": b'{"request":' * 50_000,
    "an event": encode(completed_event()),
    "another type": changed("type", "track.requested.v2"),
    "no id": changed("request_id", ...),
    "an empty id": changed("request_id", ""),
    "a long id": changed("request_id", "x" * 65),
    "a number as id": changed("request_id", 7),
    "a lone surrogate": changed("request_id", "\ud800"),
    "no tenant": changed("tenant", ""),
    "null": changed("tenant", None),
    "run 0": changed("run", 0),
    "text as run": changed("run", "1"),
    "true as run": changed("run", True),
    "a fraction as run": changed("run", 1.5),
    "a negative sequence": changed("sequence", -1),
    "no time": changed("deadline", ...),
    "not a time": changed("deadline", "tomorrow"),
    "a naive time": changed("deadline", "2026-01-02T03:04:05"),
    "a number as time": changed("deadline", 1_700_000_000),
    "no request": changed("request", ...),
    "a list as request": changed("request", []),
    "no prompt": changed("request.prompt", ...),
    "an empty prompt": changed("request.prompt", ""),
    "no seconds": changed("request.duration_seconds", 0),
    "too many seconds": changed("request.duration_seconds", 300.001),
    "text as seconds": changed("request.duration_seconds", "30"),
    "true as seconds": changed("request.duration_seconds", True),
    "NaN as seconds": changed("request.duration_seconds", float("nan")),
    "text as flag": changed("request.loop", "yes"),
    "text as formats": changed("request.formats", "wav"),
    "NaN": changed("request.loudness_lufs", [float("nan")]),
    "Infinity": changed("request.loudness_lufs", [float("-inf")]),
    "null as loudness": changed("request.loudness_lufs", [None]),
    "two loudnesses": changed("request.loudness_lufs", [-14.0, -16.0]),
    "a number in metadata": changed("request.metadata", {"k": 1}),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_command_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="not a TrackRequested message") as caught:
        decode_request(data)
    assert "waltz" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "fields",
    [
        REQUESTED,
        EVENT | {"event_id": ""},
        EVENT | {"run": 0},
        EVENT | {"result": [EVENT["result"][0]] * 2},
        EVENT | {"result": None},
        EVENT | {"error": [{"code": "x"}]},
        EVENT | {"occurred_at": "2026-01-02T03:04:05"},
        EVENT | {"status": None},
    ],
)
def test_what_is_no_event_is_malformed(fields: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="not a TrackEvent message"):
        decode_event(json.dumps(fields).encode())


def test_a_malformed_message_names_its_place_and_not_its_content() -> None:
    with pytest.raises(Malformed) as caught:
        decode_request(changed("request.prompt", ["a secret waltz"]))
    assert str(caught.value) == "not a TrackRequested message: request.prompt"


@pytest.mark.parametrize("loudness", [float("-inf"), float("nan")])
def test_a_measurement_that_json_cannot_write_is_no_message(loudness: float) -> None:
    good = completed_event().result[0].model_dump()
    with pytest.raises(ValidationError):
        TrackResult.model_validate(good | {"loudness_lufs": loudness})


def test_seconds_may_be_whole_or_not() -> None:
    for seconds in (1, 7.3, 299.999, 300):
        request = decode_request(changed("request.duration_seconds", seconds)).request
        assert request.duration_seconds == seconds


def test_an_event_without_the_newer_fields_is_read() -> None:
    """What was published before there were checksums, sides and a tempo."""
    result = EVENT["result"][0]
    measures = ("loudness_range_lu", "tempo_bpm", "tempo_confidence", "key", "key_confidence")
    newer = (*measures, "clips", "seed", "seeds", "sides")
    old = {name: value for name, value in result.items() if name not in newer}
    old["audio"] = [{k: v for k, v in result["audio"][0].items() if k != "sha256"}]
    (read,) = decode_event(json.dumps(EVENT | {"result": [old]}).encode()).result
    assert (read.tempo_bpm, read.key, read.clips, read.sides) == (0.0, "", 1, ())
    assert (read.seed, read.seeds) == (-1, ())
    assert read.audio[0].sha256 == ""


def test_every_field_of_a_result_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "messages.md").read_text()
    for model in (TrackResult, AudioObject, SideObject):
        for name in model.model_fields:
            assert f"`{name}`" in text, name


def test_messages_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        track_requested("x").run = 2  # type: ignore[misc]  # that is the point


def cloud_event(attributes: dict[str, str], data: bytes) -> CloudEvent:
    """What the SDK reads; it refuses headers that are no CloudEvent."""
    event = from_binary(HTTPMessage(attributes, data), JSONFormat(), CloudEvent)
    assert isinstance(event, CloudEvent)
    return event


def test_a_command_is_a_cloud_event() -> None:
    message = track_requested("r1")
    attributes = request_attributes(message, "ingest")
    event = cloud_event(attributes, encode(message))
    assert event.get_id() == "r1:1:requested"
    assert event.get_type() == "track.requested.v1"
    assert event.get_source() == "//motif/ingest"
    assert event.get_subject() == "r1"
    assert event.get_time() == message.requested_at
    assert attributes["ce-specversion"] == "1.0"
    assert attributes["content-type"] == "application/json"
    assert (attributes["tenant"], attributes["run"]) == ("local", "1")


@pytest.mark.parametrize("status", ENDING_TYPES)
def test_an_ending_is_a_cloud_event_that_can_be_filtered(status: str) -> None:
    update = {"type": ENDING_TYPES[status], "status": status}
    message = completed_event().model_copy(update=update)
    attributes = event_attributes(message, "generator")
    event = cloud_event(attributes, encode(message))
    assert event.get_id() == message.event_id
    assert event.get_type() == f"track.{status}.v1"
    assert event.get_time() == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (attributes["status"], attributes["style"]) == (status, "jazz")
    assert all(isinstance(value, str) and value for value in attributes.values())


def test_ids_are_the_same_for_every_delivery_and_differ_by_run() -> None:
    message = track_requested("r1")
    again = message.model_copy(update={"run": 2})
    first = request_attributes(message, "ingest")["ce-id"]
    assert request_attributes(message, "generator")["ce-id"] == first
    assert request_attributes(again, "ingest")["ce-id"] != first


def test_defaults_are_those_of_the_api() -> None:
    request = TrackRequest(prompt="x", duration_seconds=1)
    assert (request.style, request.tempo, request.model) == (
        "instrumental",
        "moderate",
        "lyria-002",
    )
    assert AudioObject.model_fields.keys() >= {"uri", "generation", "crc32c", "size_bytes"}
