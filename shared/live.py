"""Live events: what happens to a track before its ending, told once, to those who asked for it.

An event carries the document's ``sequence``, which the ending raises once more: whoever has seen
the ending drops what comes late.
"""

import logging
from datetime import datetime
from typing import Final

from shared import tracing
from shared.errors import RetryableError
from shared.messages import LIVE_TYPES, TrackEvent, event_attributes
from shared.ports import Publisher
from shared.track import Track

log = logging.getLogger(__name__)

PATIENCE: Final = 1.0
"""Seconds that telling may take: nobody's work waits longer for it."""


def wanted(track: Track, word: str) -> bool:
    """Whether the track's callback asks for ``queued``, ``running`` or ``progress``."""
    request = track.request
    name = LIVE_TYPES[word].removesuffix(".v1")
    return bool(request.callback_url) and name in request.callback_events


def event(track: Track, word: str, at: datetime, *, part: str = "") -> TrackEvent:
    """The track as it is; *part* tells events of one kind and run apart."""
    return TrackEvent(
        type=LIVE_TYPES[word],
        event_id=f"{track.request_id}:{track.run}:{word}{part}",
        request_id=track.request_id,
        tenant=track.tenant,
        run=track.run,
        sequence=track.sequence,
        occurred_at=at,
        status=track.status,
        stage=track.stage,
        progress=track.progress,
        style=track.request.style,
        metadata=track.request.metadata,
    )


def tell(progress: Publisher, told: TrackEvent, source: str, traceparent: str = "") -> None:
    """Publish *told* on the topic of live events; a failure is logged, and nobody's problem.

    *traceparent*: of the track.
    """
    try:
        with tracing.publishing(told.type, traceparent) as carried:
            progress.publish(told, event_attributes(told, source) | carried)
    except RetryableError as exc:
        log.warning("live event not published", extra={"event": told.type, "code": exc.code})
    except Exception:
        log.exception("live event not published", extra={"event": told.type, "code": "internal"})
