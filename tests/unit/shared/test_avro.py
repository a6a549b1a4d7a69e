import io
import json
from pathlib import Path
from typing import Any, Literal

import fastavro
import pytest
from hypothesis import given
from pydantic import AwareDatetime, BaseModel

from shared import avro
from shared.messages import (
    AudioObject,
    SideObject,
    TrackEvent,
    TrackRequested,
    TrackResult,
    encode,
)
from tests.support.messages import completed_event, events, requests
from tests.support.topics import track_requested

SCHEMAS = Path(__file__).parents[3] / "deploy" / "schemas"
PARSED = {topic: fastavro.parse_schema(avro.schema(model)) for topic, model in avro.TOPICS.items()}


def read(topic: str, data: bytes) -> list[Any]:
    """What a reader of Avro's JSON encoding makes of one message."""
    return list(fastavro.json_reader(io.StringIO(data.decode()), PARSED[topic]))


def test_the_committed_schemas_are_the_generated_ones(tmp_path: Path) -> None:
    avro.write(tmp_path)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text() for path in SCHEMAS.iterdir()}
    assert committed == written
    topics = {"track-requests", "track-events", "track-progress"}
    assert {path.stem for path in SCHEMAS.iterdir()} == topics


@given(requests())
def test_every_command_is_valid_avro(message: TrackRequested) -> None:
    assert read("track-requests", encode(message)) == [json.loads(encode(message))]


@given(events())
def test_every_event_is_valid_avro(message: TrackEvent) -> None:
    assert read("track-events", encode(message)) == [json.loads(encode(message))]


def test_a_message_writes_every_field_of_its_schema() -> None:
    for topic, message in (
        ("track-requests", track_requested("x")),
        ("track-events", completed_event()),
        ("track-progress", completed_event()),
    ):
        assert list(json.loads(encode(message))) == names(avro.TOPICS[topic])


def names(model: type[BaseModel]) -> list[str]:
    return [field["name"] for field in avro.schema(model)["fields"]]


def test_a_result_writes_every_field_of_its_schema() -> None:
    (result,) = json.loads(encode(completed_event()))["result"]
    assert list(result) == names(TrackResult)
    assert list(result["audio"][0]) == names(AudioObject)
    assert list(result["sides"][0]) == names(SideObject)


def test_nothing_is_nullable_and_no_type_is_an_enum() -> None:
    for topic in PARSED:
        text = (SCHEMAS / f"{topic}.avsc").read_text()
        assert '"null"' not in text
        assert '"enum"' not in text
        assert len(text) < 50_000


class Part(BaseModel):
    """A part."""

    n: int


class Whole(BaseModel):
    """A whole."""

    word: Literal["a"]
    time: AwareDatetime
    parts: tuple[Part, ...] = ()
    flags: dict[str, bool]
    share: float


def test_each_kind_of_field_has_its_avro_type() -> None:
    schema = avro.schema(Whole)
    types = {field["name"]: field["type"] for field in schema["fields"]}
    assert (schema["name"], schema["namespace"], schema["doc"]) == ("Whole", "motif", "A whole.")
    assert types["word"] == types["time"] == "string"
    assert types["parts"]["items"]["fields"] == [{"name": "n", "type": "long"}]
    assert types["flags"] == {"type": "map", "values": "boolean"}
    assert types["share"] == "double"
    fastavro.parse_schema(schema)


class Nullable(BaseModel):
    """Not for a topic."""

    seed: int | None = None


class Untyped(BaseModel):
    """Neither."""

    anything: Any = None


@pytest.mark.parametrize("model", [Nullable, Untyped])
def test_what_cannot_cross_a_topic_is_refused(model: type[BaseModel]) -> None:
    with pytest.raises(TypeError, match="cannot cross a topic"):
        avro.schema(model)
