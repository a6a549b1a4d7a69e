"""What the API answers, as frozen dataclasses; ``raw`` is always the JSON as it came."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypedDict

ENDED: Final = frozenset({"completed", "failed", "cancelled", "expired"})
FORMATS: Final = ("wav", "flac", "mp3", "ogg", "m4a")
SIDES: Final[Mapping[str, str]] = {"waveform": "json", "spectrogram": "png", "metadata": "json"}
"""What describes the audio -> the ending of its file name."""


class Options(TypedDict, total=False):
    """The optional fields of a submit; what is left out is the API's default."""

    image_id: str
    """Of a ``Client.prompt`` in the last 24 hours: prompt, style and tempo, where not given."""
    style: str
    tempo: str | int
    """slow, moderate, fast, or beats per minute."""
    duration_seconds: float
    negative_prompt: str
    seed: int
    formats: list[str]
    bit_depth: int
    loudness_lufs: float | None
    """None: the loudness is left as the model made it."""
    loop: bool
    callback_url: str
    callback_events: list[str]
    priority: str
    expires_in_seconds: int
    metadata: dict[str, str]
    max_cost_usd: float
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """When a track came to what it is."""

    created_at: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFile:
    """One file that can be downloaded."""

    format: str
    href: str
    mime_type: str = ""
    size_bytes: int | None = None
    sha256: str | None = None
    """Hexadecimal."""
    crc32c: str | None = None
    """Base64 of the big-endian value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """Measured; *confidence* from 0 to 1."""

    bpm: float
    confidence: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MusicalKey:
    """Estimated; *name* such as "F# minor", *confidence* from 0 to 1."""

    name: str
    confidence: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What was measured on the finished samples."""

    duration_seconds: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    bit_depth: int | None = None
    loudness_lufs: float | None = None
    loudness_range_lu: float | None = None
    true_peak_dbtp: float | None = None
    loudness_limited: bool | None = None
    tempo: Tempo | None = None
    key: MusicalKey | None = None
    clips: int | None = None
    seed: int | None = None
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackError:
    """Why a track has ended without audio."""

    code: str
    message: str
    cure: str = ""
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Prices in US dollars."""

    quote_usd: float = 0.0
    clips: int = 0
    billed_usd: float = 0.0
    provider_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Eta:
    """When it will probably be done: half of all tracks by *p50*, nine of ten by *p90*."""

    p50: datetime | None = None
    p90: datetime | None = None
    queue_position: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A track, as the answer at hand told of it: a submit tells less than a ``get``."""

    request_id: str
    status: str
    """queued, running, completed, failed, cancelled or expired."""
    stage: str | None = None
    """generating, mastering or storing; None unless it is running."""
    progress: float = 0.0
    """0 to 1."""
    waiting_for: str | None = None
    run: int = 1
    model: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    timings: Timings = field(default_factory=Timings)
    audio: tuple[AudioFile, ...] = ()
    sound: Sound | None = None
    error: TrackError | None = None
    cost: Cost | None = None
    quote_usd: float | None = None
    """In the answers to a submit and a retry; later it is in ``cost``."""
    estimated_completion: datetime | None = None
    """The same: later see ``eta``."""
    eta: Eta | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it, unless somebody retries it."""
        return self.status in ENDED

    @property
    def completed(self) -> bool:
        """Whether there is audio."""
        return self.status == "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePrompt:
    """What an image sounds like; good as ``image_id`` until *expires_at*."""

    image_id: str
    prompt: str
    style: str
    tempo: str
    mood: str = ""
    energy: float | None = None
    """0 (still) to 1 (wild)."""
    palette: tuple[str, ...] = ()
    model: str = ""
    created_at: datetime | None = None
    expires_at: datetime | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageDay:
    """One day (UTC); the cap and what is left of it are None where there is no cap."""

    date: str
    tracks: int = 0
    billed_usd: float = 0.0
    reserved_usd: float = 0.0
    cap_usd: float | None = None
    left_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was made and billed, newest day first."""

    tenant: str = ""
    currency: str = "USD"
    cap_usd: float | None = None
    days: tuple[UsageDay, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a model can and costs."""

    id: str
    default: bool = False
    clip_seconds: float | None = None
    price_usd_per_clip: float | None = None
    quota_per_minute: float | None = None
    seconds: Mapping[str, Any] = field(default_factory=dict)
    styles: tuple[str, ...] = ()
    tempos: Mapping[str, Any] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to deliver a webhook."""

    number: int
    started_at: datetime | None = None
    milliseconds: int | None = None
    status: int | None = None
    """Of the answer; None: there was none."""
    code: str | None = None
    answer: str | None = None
    redelivery: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookStatus:
    """How an event was received."""

    state: str
    webhook_id: str | None = None
    type: str | None = None
    next_attempt_at: datetime | None = None
    redelivery_requested_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
