import json
import re
from datetime import UTC, datetime
from typing import Any

from services.notifier import body
from shared.messages import AudioObject, ErrorInfo, TrackEvent, TrackResult

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
                loudness_lufs=-14.0,
                true_peak_dbtp=-1.2,
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
        "url": f"{link}/audio.mp3",
    }
    assert len(data.pop("audio")) == 5
    assert data == {
        "request_id": ID,
        "run": 1,
        "status": "completed",
        "style": "jazz",
        "metadata": {"order": "17", "name": "größer"},
        "duration_seconds": 30.0,
        "loudness_lufs": -14.0,
        "true_peak_dbtp": -1.2,
        "error": None,
        "links": {"self": link},
    }


def test_a_failed_track_says_why_and_what_helps() -> None:
    error = ErrorInfo(code="prompt_blocked", message="no", cure="another", retryable=False)
    failed = event(type="track.failed.v1", status="failed", result=(), error=(error,))
    data = json.loads(body.make(failed, URL))["data"]
    assert data["error"] == error.model_dump()
    assert data["audio"] == []
    assert (data["duration_seconds"], data["loudness_lufs"], data["true_peak_dbtp"]) == (None,) * 3


def test_equal_events_make_equal_bytes() -> None:
    assert body.make(event(), URL) == body.make(event(), URL)


def test_it_stays_thin_whatever_the_caller_attached() -> None:
    assert len(body.make(event(), URL)) < 2048
    metadata = {f"key-{n:060d}": "ö" * 512 for n in range(16)}
    long = body.make(event(metadata=metadata), URL)
    assert len(long) <= body.MAX_BYTES
    assert json.loads(long)["data"]["metadata"] is None


def test_no_link_in_it_expires() -> None:
    text = body.make(event(), URL).decode()
    assert "gs://" not in text
    assert "?" not in text


def test_webhook_ids_are_stable_unlike_and_signable() -> None:
    first, second = body.webhook_id(f"{ID}:1:completed"), body.webhook_id(f"{ID}:2:completed")
    assert first == body.webhook_id(f"{ID}:1:completed")
    assert first != second
    assert re.fullmatch(r"msg_[a-z2-7]{52}", first)
