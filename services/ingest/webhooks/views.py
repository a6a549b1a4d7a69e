"""What the API shows of webhooks: how each was received, and what the receivers are like."""

import json
from datetime import datetime

from services.ingest.tracks.answers import Attempt as AttemptShown
from services.ingest.tracks.answers import WebhookBlock, WebhookSummary
from services.ingest.webhooks import answers
from services.ingest.webhooks.samples import NOBODY
from services.ingest.webhooks.use_cases import absence, announced
from shared.track import Track
from shared.webhooks import (
    Attempt,
    Delivery,
    Endpoint,
    endpoint_id,
    endpoint_url,
    webhook_id,
)


def block(track: Track, row: Delivery | None) -> WebhookBlock | None:
    """``webhook`` of a track: all but the answers, which may be long, and the endpoint."""
    if not track.request.callback_url:
        return None
    return {
        **_summary(track, row),
        "next_attempt_at": _time(row.next_at) if row else None,
        "attempts": [_attempt(attempt) for attempt in row.attempts] if row else [],
    }


def of_track(
    track: Track, row: Delivery | None, endpoint: Endpoint | None, base: str
) -> answers.WebhookOfTrack:
    """The webhook of a track's newest ending, whether it exists already or not."""
    own = f"{base}/v1/tracks/{track.request_id}"
    found = _id(track)
    links = {"self": f"{own}/webhook", "redeliver": f"{own}/webhook/redeliver", "track": own}
    if found:
        links["event"] = f"{base}/v1/webhooks/events/{found}"
    place = endpoint_id(track.tenant, track.request.callback_url), track.request.callback_url
    return {
        **_summary(track, row),
        **_received(row),
        "endpoint": _place(*place, endpoint),
        "links": links | _endpoint_link(endpoint, base),
    }


def event(row: Delivery, base: str) -> answers.Event:
    """One event of the list: what it says, and how it was received."""
    said = json.loads(row.body)
    return {
        "webhook_id": row.webhook_id,
        "type": row.type,
        "timestamp": said["timestamp"],
        "recorded_at": _time(row.recorded_at),
        "data": said["data"],
        "state": row.state,
        "attempt_count": len(row.attempts),
        "last_status": (row.attempts[-1].status or None) if row.attempts else None,
        "links": links(row, base),
    }


def event_detail(row: Delivery, endpoint: Endpoint | None, base: str) -> answers.EventDetail:
    """One event with all its attempts."""
    return {
        **event(row, base),
        **_received(row),
        "endpoint": _place(row.endpoint_id, row.url, endpoint),
        "links": links(row, base) | _endpoint_link(endpoint, base),
    }


def accepted(row: Delivery, base: str) -> answers.TestSent:
    """The answer to a test: where to see what became of it."""
    return {
        "webhook_id": row.webhook_id,
        "type": row.type,
        "state": row.state,
        "links": links(row, base),
    }


def links(row: Delivery, base: str) -> dict[str, str]:
    """Every address that concerns this event."""
    own = f"{base}/v1/webhooks/events/{row.webhook_id}"
    track = {} if row.request_id == NOBODY else {"track": f"{base}/v1/tracks/{row.request_id}"}
    return {"self": own, "redeliver": f"{own}/redeliver"} | track


def endpoint(found: Endpoint, base: str) -> answers.EndpointDetail:
    """One receiver."""
    own = f"{base}/v1/webhooks/endpoints/{found.endpoint_id}"
    return {
        **_place(found.endpoint_id, found.url, found),
        "created_at": _time(found.created_at),
        "succeeded_at": _time(found.succeeded_at),
        "failing_since": _time(found.failing_since),
        "links": {"self": own, "enable": f"{own}/enable"},
    }


def _id(track: Track) -> str | None:
    newest = announced(track)
    return webhook_id(newest.event_id) if newest else None


def _summary(track: Track, row: Delivery | None) -> WebhookSummary:
    newest = announced(track)
    return {
        "webhook_id": _id(track),
        "type": f"track.{newest.status}" if newest else None,
        "state": row.state if row else absence(track),
    }


def _received(row: Delivery | None) -> answers.Received:
    attempts = row.attempts if row else ()
    return {
        "next_attempt_at": _time(row.next_at) if row else None,
        "redelivery_requested_at": _time(row.redeliver_at) if row else None,
        "attempts": [{**_attempt(one), "answer": one.answer or None} for one in attempts],
    }


def _attempt(attempt: Attempt) -> AttemptShown:
    return {
        "number": attempt.number,
        "started_at": attempt.started_at.isoformat(),
        "milliseconds": attempt.milliseconds,
        "status": attempt.status or None,
        "code": attempt.code or None,
        "redelivery": attempt.redelivery,
    }


def _place(identity: str, url: str, known: Endpoint | None) -> answers.Place:
    disabled_at = known.disabled_at if known else None
    return {
        "id": identity,
        "url": endpoint_url(url),
        "state": "disabled" if disabled_at else "enabled",
        "disabled_at": _time(disabled_at),
        "reason": (known.reason or None) if known else None,
    }


def _endpoint_link(known: Endpoint | None, base: str) -> dict[str, str]:
    return {"endpoint": f"{base}/v1/webhooks/endpoints/{known.endpoint_id}"} if known else {}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
