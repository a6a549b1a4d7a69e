"""What a webhook says: Standard Webhooks 1.0.0 payload, thin, made once per event."""

from typing import Final

from pydantic import AwareDatetime, BaseModel

from shared.messages import ENDING_TYPES, ErrorInfo, TrackEvent

MAX_BYTES: Final = 4096
"""A body that would be longer leaves out the caller's metadata, which ``links.self`` has."""


class Audio(BaseModel):
    """One finished file; ``url`` is the API's link and never expires.

    ``crc32c`` is base64, ``sha256`` hexadecimal.
    """

    format: str
    size_bytes: int
    crc32c: str
    sha256: str
    url: str


class Links(BaseModel):
    """Where the whole truth is."""

    self: str


class TrackData(BaseModel):
    """A track; what was measured is null without audio, ``error`` with it.

    ``metadata`` is null where it would make the body longer than ``MAX_BYTES``.
    """

    request_id: str
    run: int
    status: str
    stage: str | None
    progress: float | None
    """0 to 1; null for an ended track."""
    style: str
    metadata: dict[str, str] | None
    duration_seconds: float | None
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    loudness_limited: bool | None
    audio: list[Audio]
    error: ErrorInfo | None
    links: Links


class Webhook(BaseModel):
    """The payload; ``timestamp`` is when it happened."""

    type: str
    timestamp: AwareDatetime
    data: TrackData


def webhook_type(message_type: str) -> str:
    """``track.completed.v1`` -> ``track.completed``."""
    return message_type.removesuffix(".v1")


def make(event: TrackEvent, public_url: str) -> bytes:
    """The body as UTF-8 JSON; *public_url* is the API's base, without a trailing slash."""
    data = _data(event, f"{public_url}/v1/tracks/{event.request_id}")
    body = _encode(event, data)
    if len(body) <= MAX_BYTES:
        return body
    return _encode(event, data.model_copy(update={"metadata": None}))


def _encode(event: TrackEvent, data: TrackData) -> bytes:
    webhook = Webhook(type=webhook_type(event.type), timestamp=event.occurred_at, data=data)
    return webhook.model_dump_json().encode()


def _data(event: TrackEvent, link: str) -> TrackData:
    result = event.result[0] if event.result else None
    return TrackData(
        request_id=event.request_id,
        run=event.run,
        status=event.status,
        stage=event.stage or None,
        progress=None if event.type in ENDING_TYPES.values() else round(event.progress, 3),
        style=event.style,
        metadata=event.metadata,
        duration_seconds=round(result.duration_seconds, 6) if result else None,
        loudness_lufs=round(result.loudness_lufs, 2) if result else None,
        true_peak_dbtp=round(result.true_peak_dbtp, 2) if result else None,
        loudness_limited=result.loudness_limited if result else None,
        audio=[
            Audio(
                format=audio.format,
                size_bytes=audio.size_bytes,
                crc32c=audio.crc32c,
                sha256=audio.sha256,
                url=f"{link}/audio.{audio.format}",
            )
            for audio in (result.audio if result else ())
        ],
        error=event.error[0] if event.error else None,
        links=Links(self=link),
    )
