"""Examples: requests that the parser takes, and answers that the views give of such a track."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.ingest.identity.routes import SignIn
from services.ingest.openapi.service_calls import LegacyBody
from services.ingest.prompts.answers import ImagePrompt, shown
from services.ingest.prompts.records import KEPT, Seen
from services.ingest.tracks import answers, views
from services.ingest.tracks.submission import Submission
from services.ingest.webhooks import answers as webhook_answers
from services.ingest.webhooks.routes import Test
from services.ingest.webhooks.secret_routes import NewSecret, Rotation
from shared import rules
from shared.messages import AudioObject, TrackResult
from shared.rings import Kind
from shared.timing import Timing
from shared.track import Stage, Status, Track

NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TENANT: Final = "acme"
_ID: Final = "0f8a3c1e-5b7d-4e2a-9c6f-1d2e3f4a5b6c"
_IMAGE: Final = "7a1d4c52-3b0e-5f69-8c1a-2e4b6d8f0a13"
_SHORT: Final = {"prompt": "warm strings at dawn"}
_LONG: Final = {
    "prompt": "late night trio, brushed drums, upright bass, a piano that takes its time",
    "style": "jazz",
    "tempo": 92,
    "duration_seconds": 75,
    "formats": ["wav", "mp3"],
    "negative_prompt": "vocals",
    "seed": 7,
    "callback_url": "https://receiver.example/motif",
    "metadata": {"scene": "12b"},
    "max_cost_usd": 0.5,
}
REQUESTS: Final[Mapping[Any, Mapping[str, Any]]] = {
    Submission: {"short": _SHORT, "full": _LONG, "image": {"image_id": _IMAGE}},
    LegacyBody: {"legacy": {**_SHORT, "style": "ambient", "duration_seconds": 45}},
    Test: {"completed": {"callback_url": _LONG["callback_url"], "type": "track.completed"}},
    NewSecret: {"v1": {"kind": Kind.V1}},
    SignIn: {"key": {"key": "mk_test_0123456789abcdef_secret"}},
    Rotation: {"an hour": {"kind": Kind.V1, "overlap_seconds": 3600}},
}
"""Type of a request's body -> named examples."""


class Examples:
    """Those of each type; answers are made by the views, so they are never stale."""

    def __init__(self, base: str) -> None:
        """*base*: URL that links begin with."""
        self._base = base

    def of(self, body: Any) -> dict[str, Any]:
        """Named examples of a request's or an answer's type; none where there are none."""
        made = _ANSWERS.get(body)
        return dict(REQUESTS.get(body, {})) | (made(self._base) if made else {})


def _track(body: dict[str, Any]) -> Track:
    asked = Submission.model_validate(body)
    return rules.new_track(
        asked.to_request(),
        request_id=_ID,
        tenant=TENANT,
        fingerprint="",
        lifetime=asked.expires_in_seconds,
        now=NOW,
        timing=Timing(),
    )


def _running() -> Track:
    return replace(
        _track(_SHORT),
        status=Status.RUNNING,
        stage=Stage.GENERATING,
        progress=0.4,
        started_at=NOW + timedelta(seconds=2),
        provider_calls=1,
    )


def _completed() -> Track:
    return replace(
        _track(_LONG),
        status=Status.COMPLETED,
        progress=1.0,
        started_at=NOW + timedelta(seconds=2),
        ended_at=NOW + timedelta(seconds=41),
        provider_calls=3,
        result=_result(),
    )


def _result() -> TrackResult:
    return TrackResult(
        duration_seconds=75.0,
        sample_rate=48_000,
        channels=2,
        loudness_lufs=-14.0,
        loudness_range_lu=5.5,
        true_peak_dbtp=-1.5,
        loudness_limited=False,
        tempo_bpm=92.2,
        tempo_confidence=0.9,
        key="F# minor",
        key_confidence=0.4,
        clips=3,
        seed=7,
        seeds=(7, 1_203_441, 88_120_004),
        audio=(_file("wav", "audio/wav", 14_400_044), _file("mp3", "audio/mpeg", 2_401_005)),
        metadata_uri="",
        model="lyria-002",
        cost_usd=0.18,
    )


def _file(name: str, mime_type: str, size: int) -> AudioObject:
    return AudioObject(
        format=name,
        mime_type=mime_type,
        uri="",
        generation=0,
        size_bytes=size,
        crc32c="kWl2Mw==",
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    )


def _seen() -> Seen:
    return Seen(
        tenant=TENANT,
        prompt="warm analog pads and a distant felt piano, glowing and slowly fading over water",
        style="ambient",
        tempo="slow",
        mood="golden, wistful",
        energy=0.16,
        palette=("amber", "rose", "gold"),
        model="gemini-3.5-flash-lite",
        created_at=NOW,
        expire_at=NOW + KEPT,
    )


def _details(base: str) -> dict[str, Any]:
    eta = views.expected(None, NOW + timedelta(seconds=35), NOW + timedelta(seconds=60))
    return {
        "running": views.detail(_running(), None, base, eta),
        "completed": views.detail(_completed(), None, base),
    }


_ANSWERS: Final[Mapping[Any, Callable[[str], dict[str, Any]]]] = {
    answers.Accepted: lambda base: {"queued": views.accepted(_track(_SHORT), base)},
    answers.TrackDetail: _details,
    ImagePrompt: lambda base: {"sunset": shown(_IMAGE, _seen(), base)},
    answers.Cancelled: lambda _: {"cancelled": {"request_id": _ID, "result": "cancelled"}},
    answers.Legacy: lambda _: {"queued": views.legacy(_track(_SHORT))},
    webhook_answers.SecretMade: lambda _: {
        "v1": {
            "id": "sec_5e2f1d0c9b8a7f6e5d4c3b2a",
            "kind": Kind.V1,
            "created_at": NOW.isoformat(),
            "expires_at": None,
            "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        }
    },
}
"""Type of an answer -> what makes its examples."""
