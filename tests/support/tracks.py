"""Tracks for tests: a valid request, a stored track."""

import uuid
from dataclasses import replace
from typing import Any

from services.ingest.tracks.asked import Asked
from shared import rules
from shared.gcp.firestore import FirestoreStore
from shared.messages import Message, TrackRequest
from shared.ports import Create
from shared.timing import Timing
from shared.track import TRACKS, Track

SOURCE = "generator"
TIMING = Timing().scaled(0.05)
__all__ = ["SOURCE", "TIMING", "Outbox", "asked", "new_track", "stored_track"]


class Outbox:
    """A publisher that keeps what it was given: the far side of the port, not the subject."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, dict[str, str]]] = []

    def publish(self, message: Message | bytes, attributes: Any) -> None:
        data = message if isinstance(message, bytes) else message.model_dump_json().encode()
        self.sent.append((data, dict(attributes)))


def request(**changes: Any) -> TrackRequest:
    return TrackRequest(prompt="warm strings at dawn", duration_seconds=20).model_copy(
        update=changes
    )


def asked(key: str = "", fingerprint: str = "f", **changes: Any) -> Asked:
    return Asked(
        tenant="local",
        request=request(**changes),
        fingerprint=fingerprint,
        lifetime=3600,
        key=key,
    )


def new_track(store: FirestoreStore, *, lifetime: int = 3600, **changes: Any) -> Track:
    request_id = str(uuid.uuid4())
    store.get(TRACKS, request_id)
    return rules.new_track(
        request(**changes),
        request_id=request_id,
        tenant="local",
        fingerprint="f",
        lifetime=lifetime,
        now=store.clock.now(),
        timing=TIMING,
    )


def stored_track(store: FirestoreStore, *, fields: dict[str, Any] | None = None, **kw: Any) -> str:
    track = replace(new_track(store, **kw), **(fields or {}))
    store.commit(Create(TRACKS, track.request_id, track))
    return track.request_id
