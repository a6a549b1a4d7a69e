"""THE message schema: every payload that crosses a topic, and nothing else.

No field is nullable: Pub/Sub checks messages as Avro in JSON encoding, where a nullable value
would be written ``{"string": "x"}``. What may be missing is an array of nought or one, or has
an empty value. ``type`` is a string, so that a new type is no schema change.
"""

from datetime import datetime
from typing import Final, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import Malformed

TRACK_REQUESTED: Final = "track.requested.v1"
ENDING_TYPES: Final = {
    "completed": "track.completed.v1",
    "failed": "track.failed.v1",
    "cancelled": "track.cancelled.v1",
    "expired": "track.expired.v1",
}
"""Job status at the end -> message type. A webhook's type is the same without ``.v1``."""
LIVE_TYPES: Final = {
    "queued": "track.queued.v1",
    "running": "track.running.v1",
    "progress": "track.progress.v1",
}
"""What happens before the end -> message type, on topic ``track-progress``."""
LATER_TYPES: Final = frozenset({"batch.completed.v1"})
"""Reserved: it fits ``TrackEvent`` as it is."""


class Message(BaseModel):
    """Frozen; a reader ignores fields that a newer writer added.

    No infinity and no NaN: JSON has none, so they would be written as nulls.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, allow_inf_nan=False
    )


class TrackRequest(Message):
    """What the caller asked for, defaults filled in; it never changes."""

    prompt: str = Field(min_length=1, max_length=2000)
    negative_prompt: str = ""
    style: str = "instrumental"
    tempo: str = "moderate"
    """A word, or beats per minute in digits."""
    duration_seconds: float = Field(ge=1, le=300)
    seed: int = -1
    """-1: derived from the request id."""
    model: str = "lyria-002"
    formats: tuple[str, ...] = ("wav",)
    bit_depth: int = 16
    loudness_lufs: tuple[float, ...] = Field(default=(-14.0,), max_length=1)
    """Empty: leave the loudness untouched."""
    loop: bool = False
    priority: str = "interactive"
    metadata: dict[str, str] = Field(default_factory=dict)
    callback_url: str = ""
    callback_events: tuple[str, ...] = ()
    image_id: str = ""
    """Of the image that prompt, style or tempo come from; empty: of none."""


class TrackRequested(Message):
    """Make this track: the command on topic ``track-requests``."""

    type: Literal["track.requested.v1"] = TRACK_REQUESTED
    request_id: str = Field(min_length=1, max_length=64)
    tenant: str = Field(min_length=1, max_length=64)
    run: int = Field(ge=1)
    sequence: int = Field(ge=0)
    requested_at: AwareDatetime
    deadline: AwareDatetime
    request: TrackRequest


class FileObject(Message):
    """One object in Cloud Storage, named with its generation."""

    mime_type: str
    uri: str
    generation: int
    size_bytes: int
    crc32c: str
    """Base64 of the big-endian CRC32C, as Cloud Storage prints it."""
    sha256: str = ""
    """Hexadecimal."""


class AudioObject(FileObject):
    """One finished audio file."""

    format: str


class SideObject(FileObject):
    """What describes the audio: ``kind`` is waveform, spectrogram or metadata."""

    kind: str


class TrackResult(Message):
    """What was made, as measured on the finished samples."""

    duration_seconds: float
    sample_rate: int
    channels: int
    loudness_lufs: float
    true_peak_dbtp: float
    loudness_limited: bool
    loudness_range_lu: float = 0.0
    tempo_bpm: float = 0.0
    """0: no clear beat."""
    tempo_confidence: float = 0.0
    """0 to 1."""
    key: str = ""
    """Estimated, such as "F# minor"; empty: none is clear."""
    key_confidence: float = 0.0
    """0 to 1."""
    clips: int = 1
    seed: int = -1
    """Sent with the same request, it makes the same track; -1: not known."""
    seeds: tuple[int, ...] = ()
    """What each clip that is heard was asked with."""
    audio: tuple[AudioObject, ...]
    sides: tuple[SideObject, ...] = ()
    metadata_uri: str
    model: str
    cost_usd: float


class ErrorInfo(Message):
    """Why a track ended without audio."""

    code: str
    message: str
    cure: str
    retryable: bool


class TrackEvent(Message):
    """Something happened to a track (or, later, a batch): ``track-events``, ``track-progress``."""

    type: str
    event_id: str = Field(min_length=1, max_length=200)
    request_id: str = Field(min_length=1, max_length=64)
    batch_id: str = ""
    tenant: str = Field(min_length=1, max_length=64)
    run: int = Field(ge=1)
    sequence: int = Field(ge=0)
    occurred_at: AwareDatetime
    status: str
    stage: str = ""
    """What a running track is at; empty: nothing, or the event says none."""
    progress: float = 0.0
    """0 to 1, in the events of topic ``track-progress``."""
    style: str
    result: tuple[TrackResult, ...] = Field(default=(), max_length=1)
    error: tuple[ErrorInfo, ...] = Field(default=(), max_length=1)
    metadata: dict[str, str] = Field(default_factory=dict)


M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """One message as UTF-8 JSON, valid against its topic's Avro schema."""
    return message.model_dump_json().encode()


def decode_request(data: bytes) -> TrackRequested:
    """Read one message of topic ``track-requests``.

    Raises:
        Malformed: the bytes are no such message.
    """
    return _decode(TrackRequested, data)


def decode_event(data: bytes) -> TrackEvent:
    """Read one message of topic ``track-events`` or ``track-progress``.

    Raises:
        Malformed: the bytes are no such message.
    """
    return _decode(TrackEvent, data)


def _decode(model: type[M], data: bytes) -> M:
    try:
        return model.model_validate_json(data, strict=True)
    except (ValidationError, RecursionError) as exc:
        problems = exc.errors(include_input=False) if isinstance(exc, ValidationError) else []
        where = ", ".join(".".join(map(str, p["loc"])) or "body" for p in problems) or "body"
        raise Malformed(f"not a {model.__name__} message: {where}") from None


def request_attributes(message: TrackRequested, source: str) -> dict[str, str]:
    """Pub/Sub attributes of a command; see ``event_attributes``."""
    event_id = f"{message.request_id}:{message.run}:requested"
    return _cloud_event(message, event_id, message.requested_at, source)


def event_attributes(message: TrackEvent, source: str) -> dict[str, str]:
    """Attributes that make a Pub/Sub message a CloudEvent, and that subscriptions can filter on.

    CloudEvents 1.0, Pub/Sub protocol binding, binary mode: ``ce-`` attributes plus
    ``content-type``; ours besides: ``tenant``, ``run``, ``status``, ``style``.
    """
    attributes = _cloud_event(message, message.event_id, message.occurred_at, source)
    return attributes | {"status": message.status, "style": message.style}


def _cloud_event(
    message: TrackRequested | TrackEvent, event_id: str, time: datetime, source: str
) -> dict[str, str]:
    return {
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "ce-type": message.type,
        "ce-source": f"//motif/{source}",
        "ce-subject": message.request_id,
        "ce-time": time.isoformat(),
        "content-type": "application/json",
        "tenant": message.tenant,
        "run": str(message.run),
    }
