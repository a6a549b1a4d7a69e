"""Synthetic events: what a receiver can be tried with before there is a track."""

from datetime import datetime
from typing import Final

from shared.endings import Ending
from shared.messages import ENDING_TYPES, AudioObject, TrackEvent, TrackResult
from shared.track import Status
from shared.webhook_body import webhook_type
from shared.webhooks import TERMINAL_EVENTS, TEST_EVENT

TYPES: Final = (TEST_EVENT, *TERMINAL_EVENTS)
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
"""The id of no track."""
METADATA: Final = {"motif": "test event"}
_STATUS: Final = {webhook_type(name): Status(status) for status, name in ENDING_TYPES.items()}


def sample(kind: str, event_id: str, tenant: str, now: datetime) -> TrackEvent:
    """An event of webhook type *kind* (one of ``TYPES``), told of a track that never was."""
    status = _STATUS.get(kind)
    event = TrackEvent(
        type=kind,
        event_id=event_id,
        request_id=NOBODY,
        tenant=tenant,
        run=1,
        sequence=0,
        occurred_at=now,
        status="test",
        style="instrumental",
        metadata=METADATA,
    )
    return _ended(event, status) if status else event


def _ended(event: TrackEvent, status: Status) -> TrackEvent:
    ending = Ending(status, result=_result() if status is Status.COMPLETED else None)
    return event.model_copy(
        update={
            "type": ENDING_TYPES[status],
            "status": status,
            "result": (ending.result,) if ending.result else (),
            "error": (ending.error,) if ending.error else (),
        }
    )


def _result() -> TrackResult:
    return TrackResult(
        duration_seconds=30.0,
        sample_rate=48_000,
        channels=2,
        loudness_lufs=-14.0,
        true_peak_dbtp=-1.2,
        loudness_limited=False,
        audio=(
            AudioObject(
                format="wav",
                mime_type="audio/wav",
                uri="",
                generation=0,
                size_bytes=5_760_044,
                crc32c="AAAAAA==",
                sha256="0" * 64,
            ),
        ),
        metadata_uri="",
        model="",
        cost_usd=0.0,
    )
