"""What the API shows of a track: JSON made of the document, links to everything a client needs."""

from datetime import datetime, timedelta
from typing import Any, Final

from services.ingest import catalog, files, sound, webhook_views
from services.ingest.submission import parameters, whole
from shared.track import Status, Track
from shared.webhooks import Delivery

ACCEPTED: Final = "Music generation request submitted successfully"
_PROGRESS_DIGITS: Final = 3


def accepted(track: Track, base: str) -> dict[str, Any]:
    """The answer to a submit: made of what never changes, so that a repeat gets the same."""
    return _queued(track, track.created_at, base)


def requeued(track: Track, base: str) -> dict[str, Any]:
    """The answer to a retry: as that to a submit, counted from now on."""
    return _queued(track, track.queued_at or track.created_at, base) | {"run": track.run}


def _queued(track: Track, since: datetime, base: str) -> dict[str, Any]:
    estimate = since + timedelta(seconds=catalog.estimate_seconds(track.request))
    return {
        "request_id": track.request_id,
        "status": Status.QUEUED,
        "message": ACCEPTED,
        "model": track.request.model,
        "created_at": _time(track.created_at),
        "estimated_completion": _time(estimate),
        "quote_usd": catalog.quote_usd(track.request),
        "parameters": parameters(track.request),
        "links": links(track, base),
    }


def legacy(track: Track) -> dict[str, Any]:
    """The first service's answer, to the letter."""
    request = track.request
    return {
        "request_id": track.request_id,
        "status": Status.QUEUED,
        "message": ACCEPTED,
        "estimated_completion": "30-120 seconds",
        "model": request.model,
        "parameters": {
            "style": request.style,
            "duration_seconds": whole(request.duration_seconds),
            "tempo": request.tempo,
        },
    }


def detail(track: Track, delivery: Delivery | None, base: str) -> dict[str, Any]:
    """The whole state of a track."""
    return {
        "request_id": track.request_id,
        "status": track.status,
        "stage": track.stage or None,
        "progress": round(track.progress, _PROGRESS_DIGITS),
        "waiting_for": track.park or track.waits or None,
        "run": track.run,
        "model": track.request.model,
        "parameters": parameters(track.request),
        "timings": {
            "created_at": _time(track.created_at),
            "queued_at": _time(track.queued_at),
            "started_at": _time(track.started_at),
            "ended_at": _time(track.ended_at),
            "deadline": _time(track.deadline),
        },
        "audio": sound.audio(track, base),
        "sound": sound.sound(track),
        "error": track.error.model_dump() if track.error else None,
        "webhook": webhook_views.block(track, delivery),
        "cost": {
            "quote_usd": catalog.quote_usd(track.request),
            "clips": catalog.clips(track.request),
            "billed_usd": track.result.cost_usd if track.result else 0.0,
            "provider_calls": track.provider_calls,
        },
        "links": links(track, base),
    }


def links(track: Track, base: str) -> dict[str, str]:
    """Every address that concerns this track."""
    own = f"{base}/v1/tracks/{track.request_id}"
    audio = {f"audio_{name}": f"{own}/audio.{name}" for name in track.request.formats}
    sides = {kind: f"{own}/{kind}" for kind in files.SIDES}
    hook = {"webhook": f"{own}/webhook", "redeliver": f"{own}/webhook/redeliver"}
    return (
        {"self": own, "cancel": f"{own}/cancel", "retry": f"{own}/retry"}
        | audio
        | sides
        | (hook if track.request.callback_url else {})
    )


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
