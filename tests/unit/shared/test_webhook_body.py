import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared import webhook_body as body
from shared.messages import LIVE_TYPES, AudioObject, ErrorInfo, TrackEvent, TrackResult

ID = "0b6b2d4e-0000-4000-8000-0123456789ab"
URL = "https://api.example"


def audio(name: str) -> AudioObject:
    return AudioObject(
        format=name,
        mime_type=f"audio/{name}",
        uri=f"gs://bucket/audio/{ID}.{name}",
        generation=1,
        size_bytes=123,
        crc32c="AAAAAA==",
        sha256="ab" * 32,
    )


def event(**changes: Any) -> TrackEvent:
    fields = {
        "type": "track.completed.v1",
        "event_id": f"{ID}:1:completed",
        "request_id": ID,
        "tenant": "local",
        "run": 1,
        "sequence": 4,
        "occurred_at": datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
        "status": "completed",
        "style": "jazz",
        "metadata": {"order": "17", "name": "größer"},
        "result": (
            TrackResult(
                duration_seconds=30.0,
                sample_rate=48000,
                channels=2,
                loudness_lufs=-14.004321,
                true_peak_dbtp=-1.2000001,
                loudness_limited=False,
                audio=tuple(audio(name) for name in ("wav", "flac", "mp3", "ogg", "m4a")),
                metadata_uri=f"gs://bucket/metadata/{ID}.json",
                model="lyria-002",
                cost_usd=0.06,
            ),
        ),
    }
    return TrackEvent.model_validate(fields | changes)


def test_a_completed_track() -> None:
    made = json.loads(body.make(event(), URL))
    link = f"{URL}/v1/tracks/{ID}"
    assert (made["type"], made["timestamp"]) == ("track.completed", "2026-01-02T03:04:05.000006Z")
    data = made["data"]
    assert data["audio"][2] == {
        "format": "mp3",
        "size_bytes": 123,
        "crc32c": "AAAAAA==",
        "sha256": "ab" * 32,
        "url": f"{link}/audio.mp3",
    }
    assert len(data.pop("audio")) == 5
    assert data == {
        "request_id": ID,
        "run": 1,
        "status": "completed",
        "stage": None,
        "progress": None,
        "style": "jazz",
        "metadata": {"order": "17", "name": "größer"},
        "duration_seconds": 30.0,
        "loudness_lufs": -14.0,
        "true_peak_dbtp": -1.2,
        "loudness_limited": False,
        "error": None,
        "links": {"self": link},
    }


def test_a_failed_track_says_why_and_what_helps() -> None:
    error = ErrorInfo(code="prompt_blocked", message="no", cure="another", retryable=False)
    failed = event(type="track.failed.v1", status="failed", result=(), error=(error,))
    data = json.loads(body.make(failed, URL))["data"]
    assert data["error"] == error.model_dump()
    assert data["audio"] == []
    for name in ("duration_seconds", "loudness_lufs", "true_peak_dbtp", "loudness_limited"):
        assert data[name] is None


@pytest.mark.parametrize("word", LIVE_TYPES)
def test_a_live_event_says_how_far_the_track_is(word: str) -> None:
    told = event(
        type=LIVE_TYPES[word], status="running", stage="mastering", progress=0.123456, result=()
    )
    made = json.loads(body.make(told, URL))
    assert made["type"] == f"track.{word}"
    data = made["data"]
    assert (data["status"], data["stage"], data["progress"]) == ("running", "mastering", 0.123)
    assert (data["audio"], data["error"]) == ([], None)
    queued = json.loads(body.make(told.model_copy(update={"stage": "", "progress": 0.0}), URL))
    assert (queued["data"]["stage"], queued["data"]["progress"]) == (None, 0.0)


def test_equal_events_make_equal_bytes() -> None:
    assert body.make(event(), URL) == body.make(event(), URL)


def test_a_track_that_stayed_quieter_says_so() -> None:
    (result,) = event().result
    limited = result.model_copy(update={"loudness_limited": True, "loudness_lufs": -11.0})
    data = json.loads(body.make(event(result=(limited,)), URL))["data"]
    assert (data["loudness_limited"], data["loudness_lufs"]) == (True, -11.0)


def test_a_length_is_told_to_the_sample() -> None:
    (result,) = event().result
    for frames in (48_001, 350_400, 63_998, 14_399_951):
        odd = result.model_copy(update={"duration_seconds": frames / 48_000})
        data = json.loads(body.make(event(result=(odd,)), URL))["data"]
        assert round(data["duration_seconds"] * 48_000) == frames


METADATA = {f"key-{n:060d}": "ö" * 512 for n in range(16)}


def test_it_stays_thin_whatever_the_caller_attached() -> None:
    assert len(body.make(event(), URL)) < 2048
    long = body.make(event(metadata=METADATA), URL)
    assert len(long) <= body.MAX_BYTES
    assert json.loads(long)["data"]["metadata"] is None


def test_it_stays_thin_under_a_long_address() -> None:
    url = "https://" + "x" * 242
    (result,) = event().result
    files = [file.model_copy(update={"size_bytes": 2**40}) for file in result.audio]
    whole = event(metadata=METADATA, result=(result.model_copy(update={"audio": files}),))
    made = body.make(whole, url)
    assert len(made) <= body.MAX_BYTES
    assert len(json.loads(made)["data"]["audio"]) == 5


def test_metadata_stays_up_to_the_last_byte() -> None:
    spare = body.MAX_BYTES - len(body.make(event(metadata={"k": ""}), URL))
    fits = body.make(event(metadata={"k": "v" * spare}), URL)
    assert len(fits) == body.MAX_BYTES
    assert json.loads(fits)["data"]["metadata"] == {"k": "v" * spare}
    over = body.make(event(metadata={"k": "v" * (spare + 1)}), URL)
    assert json.loads(over)["data"]["metadata"] is None


def test_every_member_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    table = text[text.index("| member of `data` |") : text.index("A receiver:")]
    for model in (body.TrackData, body.Audio, body.Links, ErrorInfo):
        for name in model.model_fields:
            assert f"`{name}`" in table, name


def test_no_link_in_it_expires() -> None:
    text = body.make(event(), URL).decode()
    assert "gs://" not in text
    assert "?" not in text
