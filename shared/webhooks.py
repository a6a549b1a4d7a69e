"""The documents of webhooks: one delivery per event, one endpoint per receiver, and their ids.

An endpoint is tenant + origin + path; the query of a callback URL is no part of it.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from shared.messages import ENDING_TYPES, LIVE_TYPES, TrackEvent
from shared.ports import Collection

WEBHOOK_DUE: Final = "webhook.due.v1"
"""On topic ``track-progress``: the delivery named by ``event_id`` is due; for the notifier only."""
TERMINAL_EVENTS: Final = tuple(name.removesuffix(".v1") for name in ENDING_TYPES.values())
"""What ``callback_events`` selects when it is left out; each has the whole schedule."""
LIVE_EVENTS: Final = tuple(name.removesuffix(".v1") for name in LIVE_TYPES.values())
"""Only for those who ask; each is tried once and never recorded."""
TEST_EVENT: Final = "webhook.test"
MAX_ATTEMPTS: Final = 100
"""So many a delivery may have, redeliveries included: a document must not grow for ever."""


class State(StrEnum):
    """Of a delivery."""

    PENDING = "pending"
    HELD = "held"
    """Its endpoint is disabled: no attempts until it is enabled."""
    DELIVERED = "delivered"
    """Final."""
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One POST of a webhook, as it went."""

    number: int
    started_at: datetime
    milliseconds: int
    status: int = 0
    """The HTTP status; 0: no answer."""
    code: str = ""
    """What went wrong, in one word; empty for a plain HTTP status."""
    answer: str = ""
    """The first kilobyte of the answer's body, as text."""
    redelivery: bool = False
    """Asked for through the API: no part of the schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook on its way: the same bytes on each attempt. Its document id is ``webhook_id``."""

    webhook_id: str
    event_id: str
    request_id: str
    tenant: str
    type: str
    """Webhook type, such as ``track.completed``."""
    endpoint_id: str
    url: str
    body: bytes
    created_at: datetime
    since: datetime
    """The schedule's whole time is counted from here: from the creation, or the last release."""
    state: State = State.PENDING
    once: bool = False
    """One attempt is all it gets: a test event."""
    failed: int = 0
    """Attempts of the schedule that have failed."""
    starts: int = 0
    """Starts of the present attempt; two without a result count as a failure."""
    troubles: int = 0
    """Times in a row that trouble of ours kept the present attempt from being made."""
    holder: str = ""
    lease_expires_at: datetime | None = None
    next_at: datetime | None = None
    """When the schedule wants its next attempt; None: it wants none."""
    redeliver_at: datetime | None = None
    """Since then somebody waits for an attempt outside of the schedule."""
    redelivering: bool = False
    """Whether the present start is one of these."""
    wake_at: datetime | None = None
    wakes: int = 0
    """Times in a row that it was due and found no place: the row's own backoff."""
    traceparent: str = ""
    """Each attempt belongs to this trace."""
    attempts: tuple[Attempt, ...] = ()
    expire_at: datetime | None = None
    recorded_at: datetime | None = field(default=None, compare=False)
    """The store's time of the commit that made this row, so that rows appear in this order.

    ``created_at`` is older by however long its maker was held up before it could commit.
    """

    def live(self, now: datetime) -> bool:
        """Whether somebody is making an attempt right now."""
        expires = self.lease_expires_at
        return bool(self.holder) and expires is not None and expires > now

    def expired(self, now: datetime) -> bool:
        """Whether its retention is over: Firestore deletes such rows some time later."""
        return self.expire_at is not None and self.expire_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One receiver of one tenant. No document: nothing was sent there yet."""

    endpoint_id: str
    tenant: str
    url: str
    """Origin and path."""
    created_at: datetime
    succeeded_at: datetime | None = None
    """A success, not necessarily the last one: it is not written down each time."""
    failing_since: datetime | None = None
    """First failure since the last success, or since a long time without any attempt."""
    failed_at: datetime | None = None
    """A failure, not necessarily the last one."""
    disabled_at: datetime | None = None
    reason: str = ""
    """Why it is disabled: ``gone`` (it answered 410) or ``failing``."""
    wake_at: datetime | None = None
    """Set when it was enabled: there may be held deliveries to release."""


DELIVERIES: Final = Collection("deliveries", Delivery, stamp="recorded_at")
ENDPOINTS: Final = Collection("endpoints", Endpoint)


def webhook_id(event_id: str) -> str:
    """The same for every attempt and redelivery of one event; holds no dot."""
    return "msg_" + _digest(event_id)


def endpoint_url(url: str) -> str:
    """*url*, which has been checked, without its query; the scheme's own port is left out."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    port = f":{parts.port}" if parts.port not in (None, usual) else ""
    return f"{parts.scheme}://{host}{port}{parts.path or '/'}"


def endpoint_id(tenant: str, url: str) -> str:
    """Of the endpoint that *url* belongs to."""
    return "ep_" + _digest(f"{tenant}\n{endpoint_url(url)}")


def due_event(delivery: Delivery, now: datetime) -> TrackEvent:
    """The wake-up for one delivery; losing it costs a minute."""
    return TrackEvent(
        type=WEBHOOK_DUE,
        event_id=delivery.webhook_id,
        request_id=delivery.request_id,
        tenant=delivery.tenant,
        run=1,
        sequence=0,
        occurred_at=now,
        status="",
        style="",
    )


def _digest(text: str) -> str:
    return base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=").lower()
