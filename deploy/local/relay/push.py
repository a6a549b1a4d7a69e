"""Push over one route: pull what is there, POST it until it is taken, else dead-letter it."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

from deploy.local.faults import Faults
from deploy.local.keys import PUSH_ACCOUNT
from deploy.local.relay.message import Message, body, eventarc_headers, push_headers
from deploy.local.relay.post import Outcome, post
from deploy.local.relay.spoil import spoiled
from deploy.local.relay.subscription import ACK_DEADLINE, PubSubUnavailable, Subscription
from deploy.local.relay.tokens import Form, Tokens
from shared.timing import Timing

TAKEN: Final = frozenset({102, 200, 201, 202, 204})
ATTEMPTS: Final = 10
IN_FLIGHT: Final = 64
_HELD: Final = 1000
BACKOFF, BACKOFF_LIMIT = 10.0, 600.0
_EXTEND_SECONDS: Final = ACK_DEADLINE / 10
_AGAIN_SECONDS: Final = 0.2

_log = logging.getLogger(__name__)

Mode = Literal["eventarc", "push"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where the messages of one subscription go; mode ``push`` is without Eventarc's headers."""

    hop: str
    url: str
    audience: str
    form: Form = "signed"
    mode: Mode = "eventarc"


def backoff(attempt: int) -> float:
    """Seconds from the end of *attempt* (1 is the first) to the next."""
    return float(min(BACKOFF * 2 ** (attempt - 1), BACKOFF_LIMIT))


class Pusher:
    """Pushes one subscription's messages, each on a thread that lives until it is settled.

    The relay itself holds what was refused and counts its attempts, so a restart of the relay
    begins to count anew (at once when it was stopped, 10 minutes after it was killed).
    """

    def __init__(
        self, route: Route, source: Subscription, tokens: Tokens, faults: Faults, scale: float
    ) -> None:
        """Push *source* over *route*; *scale* multiplies request timeout and backoff."""
        self._route = route
        self._source = source
        self._tokens = tokens
        self._faults = faults
        self._scale = scale
        self._slots = threading.BoundedSemaphore(IN_FLIGHT)
        self._room = threading.BoundedSemaphore(_HELD)
        self._held: set[str] = set()
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin to pull."""
        self._puller = _spawn(self._pull)
        _spawn(self._extend)

    def stop(self) -> None:
        """Pull no more."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the last pull (a second), then give back what is held."""
        self._puller.join(timeout=2)
        try:
            self._source.keep(list(self._held), seconds=0)
        except PubSubUnavailable as exc:
            _log.warning("%s not given back: %s", self._route.hop, exc)
        self._source.close()

    def _pull(self) -> None:
        while not self._stop.is_set():
            try:
                pulled = self._source.pull()
            except PubSubUnavailable:
                self._stop.wait(_AGAIN_SECONDS)
                continue
            for ack_id, message in pulled:
                self._room.acquire()
                self._held.add(ack_id)
                _spawn(self._settle, ack_id, message)

    def _extend(self) -> None:
        while not self._stop.wait(_EXTEND_SECONDS * self._scale):
            with suppress(PubSubUnavailable):
                self._source.keep(list(self._held))

    def _settle(self, ack_id: str, message: Message) -> None:
        if self._delivered(message) or self._buried(message):
            with suppress(PubSubUnavailable):
                self._source.acknowledge(ack_id)
            self._held.discard(ack_id)
            self._room.release()

    def _delivered(self, message: Message) -> bool:
        for attempt in range(1, ATTEMPTS + 1):
            if attempt > 1 and self._stop.wait(backoff(attempt - 1) * self._scale):
                return False
            if self._taken(message, attempt):
                return True
        return False

    def _taken(self, message: Message, attempt: int) -> bool:
        with self._slots:
            outcome = self._attempt(message, attempt)
        if outcome not in TAKEN:
            _log.info("%s %s attempt %d: %s", self._route.hop, message.id, attempt, outcome)
        return outcome in TAKEN

    def _attempt(self, message: Message, attempt: int) -> Outcome:
        action = self._faults.take(
            subscription=self._source.names.subscription,
            hop=self._route.hop,
            request_id=message.request_id,
        )
        return spoiled(action, lambda: self._post(message, attempt))

    def _post(self, message: Message, attempt: int) -> Outcome:
        route, names = self._route, self._source.names
        headers = (
            eventarc_headers(message, names.topic) if route.mode == "eventarc" else push_headers()
        )
        headers["Authorization"] = self._tokens.bearer(PUSH_ACCOUNT, route.audience, route.form)
        seconds = Timing().ack_deadline * self._scale
        return post(route.url, headers, body(message, names.subscription, attempt), seconds)

    def _buried(self, message: Message) -> bool:
        while not self._stop.is_set():
            try:
                self._source.dead_letter(message, ATTEMPTS)
            except PubSubUnavailable as exc:
                _log.warning("%s %s: %s", self._route.hop, message.id, exc)
                self._stop.wait(1)
            else:
                _log.warning("%s %s: dead letter", self._route.hop, message.id)
                return True
        return False


def _spawn(target: Callable[..., object], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread
