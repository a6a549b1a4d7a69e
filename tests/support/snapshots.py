"""Tracks as the API shows them, for tests of those who read them."""

import hashlib
from typing import Any

ID = "8f14e45f-ceea-467f-a83c-3e6f2c1a9d10"


def snapshot(base: str, status: str = "queued", **members: Any) -> dict[str, Any]:
    """The body of ``GET /v1/tracks/{id}``."""
    own = f"{base}/v1/tracks/{ID}"
    return {
        "request_id": ID,
        "status": status,
        "stage": None,
        "progress": 1.0 if status == "completed" else 0.0,
        "waiting_for": None,
        "run": 1,
        "model": "lyria-002",
        "parameters": {"prompt": "warm strings", "style": "jazz", "duration_seconds": 30,
                       "formats": ["mp3"]},
        "timings": {"created_at": "2026-01-02T03:04:05+00:00", "queued_at": None,
                    "started_at": None, "ended_at": None, "deadline": None},
        "audio": [],
        "sound": None,
        "error": None,
        "webhook": None,
        "cost": {"quote_usd": 0.06, "clips": 1, "billed_usd": 0.0, "provider_calls": 0},
        "eta": None,
        "links": {"self": own, "events": f"{own}/events"},
        **members,
    }  # fmt: skip


def completed(base: str, audio: bytes, **members: Any) -> dict[str, Any]:
    """The same with an MP3 of these bytes; *members* are those of the file."""
    file = {
        "format": "mp3",
        "mime_type": "audio/mpeg",
        "size_bytes": len(audio),
        "sha256": hashlib.sha256(audio).hexdigest(),
        "crc32c": "AAAAAA==",
        "href": f"{base}/v1/tracks/{ID}/audio.mp3",
        **members,
    }
    return snapshot(base, "completed", audio=[file])


def failed(base: str) -> dict[str, Any]:
    """One that the model has refused."""
    error = {
        "code": "prompt_blocked",
        "message": "The model refused the prompt.",
        "cure": "Say it in other words.",
        "retryable": False,
    }
    return snapshot(base, "failed", error=error)
