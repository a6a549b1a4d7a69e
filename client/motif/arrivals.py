"""What arrived at the local receiver: one request, looked at and made fit to be shown."""

import json
import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass
from datetime import datetime
from email.message import Message
from typing import Any, Final
from urllib.parse import urlsplit

from motif.text import plain
from motif.webhooks import VerificationError, Webhook

_MOST_IDS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One POST; as JSON it has these members."""

    time: str
    """When it came, in local time."""
    path: str
    """Without its query."""
    webhook_id: str
    verified: bool | None
    """None: there was no secret to check it with."""
    why: str
    """Why it is not verified."""
    repeat: bool
    """The same ``webhook-id`` has come before."""
    payload: dict[str, Any] | None
    """The body; None where it is no JSON object."""

    def as_json(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))

    def as_text(self) -> str:
        """For the person at the terminal, on one line."""
        verdict = {None: "unverified", True: "verified", False: f"REFUSED ({self.why})"}
        payload = self.payload or {}
        data = payload.get("data")
        data = data if isinstance(data, dict) else {}
        words = (
            *(self.time[11:19], verdict[self.verified], payload.get("type", "no type")),
            *(data.get("status"), data.get("request_id"), self.webhook_id or "no id"),
            "(repeat)" if self.repeat else None,
        )
        return "  ".join(plain(word) for word in words if word)


class Arrivals:
    """Looks at what arrives, and counts; thread-safe."""

    def __init__(self, webhook: Webhook | None) -> None:
        """*webhook* verifies; None: nothing can."""
        self._webhook = webhook
        self._lock = threading.Lock()
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._counts = {"events": 0, "repeats": 0, "refused": 0}

    def look(self, target: str, headers: Message, body: bytes) -> Arrival:
        """Verify one POST to *target* and say what it is."""
        verified, why = self._verdict(headers, body)
        webhook_id = str(headers.get("webhook-id", ""))
        repeat = self._count(webhook_id, refused=verified is False)
        return Arrival(
            time=datetime.now().astimezone().isoformat(timespec="milliseconds"),
            path=target.partition("?")[0] if target.startswith("/") else urlsplit(target).path,
            webhook_id=webhook_id,
            verified=verified,
            why=why,
            repeat=repeat,
            payload=_payload(body),
        )

    def summary(self) -> str:
        """Such as ``3 events, 1 repeat, 0 refused``."""
        with self._lock:
            counts = dict(self._counts)
        return ", ".join(
            f"{count} {word[:-1] if count == 1 and word.endswith('s') else word}"
            for word, count in counts.items()
        )

    def _verdict(self, headers: Message, body: bytes) -> tuple[bool | None, str]:
        if self._webhook is None:
            return None, "no secret"
        try:
            self._webhook.verify(body, headers)
        except VerificationError as refused:
            return False, str(refused)
        return True, ""

    def _count(self, webhook_id: str, *, refused: bool) -> bool:
        """Whether it is a repeat; what is refused is none, since anybody could have sent it."""
        with self._lock:
            self._counts["events"] += 1
            self._counts["refused"] += refused
            repeat = not refused and webhook_id in self._ids
            self._counts["repeats"] += repeat
            if webhook_id and not refused:
                self._ids[webhook_id] = None
                if len(self._ids) > _MOST_IDS:
                    self._ids.popitem(last=False)
            return repeat


def _payload(body: bytes) -> dict[str, Any] | None:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None
