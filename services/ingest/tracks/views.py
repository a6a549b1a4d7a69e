"""What the API shows of a track: JSON made of the document, links to everything a client needs."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from services.ingest.tracks import answers, catalog, eta, sound
from services.ingest.tracks.submission import parameters, whole
from services.ingest.webhooks import views as webhook_views
from shared.delivery import SIDES
from shared.track import Promise, Status, Track
from shared.webhooks import Delivery

ACCEPTED: Final = "Music generation request submitted successfully"
_PROGRESS_DIGITS: Final = 3


def accepted(track: Track, base: str) -> answers.Accepted:
    """The answer to a submit: made of what never changes, so that a repeat gets the same."""
    return _queued(track, track.first_promise or eta.prior(track.request, track.created_at), base)


def requeued(track: Track, base: str) -> answers.Requeued:
    """The answer to a retry: as that to a submit, counted from now on."""
    since = track.queued_at or track.created_at
    promise = track.promise or eta.prior(track.request, since)
    return {**_queued(track, promise, base), "run": track.run}


def _queued(track: Track, promise: Promise, base: str) -> answers.Accepted:
    return {
        "request_id": track.request_id,
        "status": Status.QUEUED,
        "message": ACCEPTED,
        "model": track.request.model,
        "created_at": track.created_at.isoformat(),
        "estimated_completion": promise.p50.isoformat(),
        "eta": expected(promise.position, promise.p50, promise.p90),
        "quote_usd": track.quote_usd,
        "parameters": parameters(track.request),
        "links": links(track, base),
    }


def legacy(track: Track) -> answers.Legacy:
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


def detail(
    track: Track, delivery: Delivery | None, base: str, eta: answers.Eta | None = None
) -> answers.TrackDetail:
    """The whole state of a track."""
    return {
        **item(track, base),
        "webhook": webhook_views.block(track, delivery),
        "eta": eta,
    }


def item(track: Track, base: str) -> answers.TrackState:
    """A track in a list: all but what costs another look each."""
    return {
        "request_id": track.request_id,
        "status": track.status,
        "stage": track.stage or None,
        "progress": round(track.progress, _PROGRESS_DIGITS),
        "waiting_for": track.park or track.waits or None,
        "run": track.run,
        "model": track.request.model,
        "parameters": parameters(track.request),
        "image_id": track.request.image_id or None,
        "timings": {
            "created_at": track.created_at.isoformat(),
            "queued_at": _time(track.queued_at),
            "started_at": _time(track.started_at),
            "ended_at": _time(track.ended_at),
            "deadline": track.deadline.isoformat(),
        },
        "audio": sound.audio(track, base),
        "sound": sound.sound(track),
        "error": track.error.model_dump() if track.error else None,
        "cost": {
            "quote_usd": track.quote_usd,
            "clips": catalog.clips(track.request),
            "billed_usd": track.result.cost_usd if track.result else 0.0,
            "provider_calls": track.provider_calls,
        },
        "links": links(track, base),
    }


def tag(shown: Mapping[str, Any]) -> str:
    """The entity tag of a whole state: an estimate that moves with the clock changes nothing."""
    lasting = {name: value for name, value in shown.items() if name != "eta"}
    return hashlib.sha256(json.dumps(lasting).encode()).hexdigest()[:32]


def expected(position: int | None, p50: datetime, p90: datetime) -> answers.Eta:
    """When a track will have ended, with a chance of 50 % and of 90 %."""
    return {"queue_position": position, "p50": p50.isoformat(), "p90": p90.isoformat()}


def links(track: Track, base: str) -> dict[str, str]:
    """Every address that concerns this track."""
    own = f"{base}/v1/tracks/{track.request_id}"
    live = {"events": f"{own}/events", "stream": f"{own.replace('http', 'ws', 1)}/stream"}
    audio = {f"audio_{name}": f"{own}/audio.{name}" for name in track.request.formats}
    sides = {kind: f"{own}/{kind}" for kind in SIDES}
    hook = {"webhook": f"{own}/webhook", "redeliver": f"{own}/webhook/redeliver"}
    return (
        {"self": own, "cancel": f"{own}/cancel", "retry": f"{own}/retry"}
        | live
        | audio
        | sides
        | (hook if track.request.callback_url else {})
    )


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
