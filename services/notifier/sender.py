"""One attempt: what it needs, the POST, and what is made of the answer."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from opentelemetry import trace
from opentelemetry.trace import SpanKind

from services.notifier import signing
from services.notifier.delivery import Answer
from services.notifier.egress import Egress
from services.notifier.gate import Gate
from services.notifier.health import Health
from services.notifier.rows import Rows
from services.notifier.signing import Signer
from shared import shutdown, signals, tracing
from shared.errors import RetryableError, StoreUnavailable
from shared.failpoints import failpoint
from shared.logs import log_context
from shared.ports import Snapshot
from shared.webhooks import Delivery, Endpoint

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Way:
    """What an attempt needs, looked up before it is taken: trouble with it uses up nothing."""

    endpoint: Snapshot[Endpoint]
    keys: signing.Keys


class Sender:
    """Makes attempts; thread-safe, one per process."""

    def __init__(
        self, *, rows: Rows, egress: Egress, signer: Signer, health: Health, gate: Gate
    ) -> None:
        """*gate* is told how attempts went; who may start one is decided before."""
        self._rows = rows
        self._egress = egress
        self._signer = signer
        self._health = health
        self._gate = gate

    def attempt(self, webhook_id: str, seen: Snapshot[Delivery] | None = None) -> float | None:
        """Make the attempt that is due, if nobody else makes it.

        *seen*: what the caller knows of the row; an older version is read again.

        Returns:
            Seconds until the next attempt is due; None when there is none, or another is at it.

        Raises:
            RetryableError: the process is going away, or Firestore gave no verdict.
        """
        if shutdown.stopping():
            raise RetryableError("this instance is stopping", code="stopping")
        seen = seen or self._rows.get(webhook_id)
        row = seen.value
        if row is not None and self._rows.due(row):
            with _delivering(row):
                row = self._attempted(seen, row).value
        return self._pause(row)

    def once(self, row: Delivery) -> None:
        """Send what is not recorded; *row* exists only here. Nothing when there is no way now."""
        with _delivering(row):
            try:
                self._once(row)
            except RetryableError as exc:  # raised on, the message comes again, and so a POST
                log.warning("no way to send, or to note a 410", extra={"code": exc.code})

    def _once(self, row: Delivery) -> None:
        endpoint = self._health.look(row.endpoint_id)
        if _is_open(endpoint.value, row):
            way = _Way(endpoint, self._signer.keys(row.tenant))
            if self._posted(row, way, self._rows.now()).gone:
                self._health.failed(row, endpoint, gone=True)

    def _pause(self, row: Delivery | None) -> float | None:
        now = self._rows.now()
        if row is None or row.wake_at is None or row.live(now):
            return None
        return max(0.0, (row.wake_at - now).total_seconds())

    def _attempted(self, seen: Snapshot[Delivery], row: Delivery) -> Snapshot[Delivery]:
        endpoint = self._health.look(row.endpoint_id)
        if not _is_open(endpoint.value, row):
            return self._rows.hold(seen, endpoint)
        try:
            way = _Way(endpoint, self._signer.keys(row.tenant))
        except StoreUnavailable:
            raise
        except RetryableError as exc:
            log.warning("no way to send", extra={"code": exc.code})
            return self._rows.trouble(seen)
        holder = uuid.uuid4().hex
        taken = self._rows.take(seen, holder)
        if taken.value is None or taken.value.holder != holder:
            return taken
        failpoint("after_take_attempt", row.request_id)
        return self._made(taken, taken.value, way)

    def _made(self, taken: Snapshot[Delivery], row: Delivery, way: _Way) -> Snapshot[Delivery]:
        started_at = self._rows.now()
        answer = self._posted(row, way, started_at)
        failpoint("after_webhook_sent", row.request_id)
        if _scheduled(row) and answer.gone:
            # Before the row is due again: then it is held, and uses no attempt.
            self._health.failed(row, way.endpoint, gone=True)
        recorded = self._rows.record(taken, answer, started_at)
        failpoint("after_attempt_recorded", row.request_id)
        if _scheduled(row):
            self._noted(row, way, answer)
        return recorded

    def _noted(self, row: Delivery, way: _Way, answer: Answer) -> None:
        if answer.accepted:
            self._health.succeeded(row, way.endpoint)
        elif not (answer.gone or answer.trouble):
            self._health.failed(row, way.endpoint, gone=False)

    def _posted(self, row: Delivery, way: _Way, started_at: datetime) -> Answer:
        timestamp = int(started_at.timestamp())
        headers = signing.headers(way.keys, row.webhook_id, timestamp, row.body)
        answer = self._egress.post(row.url, headers, row.body)
        # Trouble too: a name that nobody answers for must not hold sixteen threads.
        self._gate.judge(row.endpoint_id, well=answer.accepted)
        _tell(row, answer)
        return answer


@contextmanager
def _delivering(row: Delivery) -> Iterator[None]:
    """An attempt is part of its track's trace, whoever's request it is made in."""
    with (
        log_context(request_id=row.request_id, tenant=row.tenant, webhook_id=row.webhook_id),
        tracing.span(
            "deliver",
            SpanKind.CLIENT,
            parent=row.traceparent,
            type=row.type,
            endpoint=row.endpoint_id,
            attempt=len(row.attempts) + 1,
        ),
    ):
        yield


def _tell(row: Delivery, answer: Answer) -> None:
    told = {"outcome": _outcome(answer), "code": _code(answer)}
    trace.get_current_span().set_attributes(told)
    with log_context(type=row.type):
        signals.tell(
            signals.WEBHOOK_ATTEMPTED,
            **told,
            attempt=len(row.attempts) + 1,
            seconds=answer.milliseconds / 1000,
        )


def _outcome(answer: Answer) -> str:
    if answer.accepted:
        return "delivered"
    return "gone" if answer.gone else "failed"


def _code(answer: Answer) -> str:
    """What went wrong, in one word of few."""
    if answer.accepted or answer.code:
        return answer.code
    return f"http_{answer.status}"


def _scheduled(row: Delivery) -> bool:
    """Whether the attempt is one of the schedule: only such count for the endpoint's health."""
    return row.redeliver_at is None and not row.once


def _is_open(endpoint: Endpoint | None, row: Delivery) -> bool:
    """Whether *row* may go there: a disabled endpoint gets what somebody asks for, only."""
    return endpoint is None or endpoint.disabled_at is None or not _scheduled(row)
