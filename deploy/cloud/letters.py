"""Dead letters: read without taking them away, sent again, dropped (Pub/Sub's REST API)."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests

GOOGLE: Final = "https://pubsub.googleapis.com"
_SECONDS: Final = 30
_AT_ONCE: Final = 100
_LET_GO_AT_ONCE: Final = 1000
"""A request to Pub/Sub has 512 KiB, and an acknowledgement id up to some 200 bytes."""
_EMPTY: Final = 3
"""Pub/Sub may answer with nothing though there is something; so often, and it is believed."""
_ADDED: Final = re.compile(r"CloudPubSubDeadLetter.*|googclient_schema.*")
"""Attributes that Pub/Sub adds, and adds again."""
_COUNT: Final = "CloudPubSubDeadLetterSourceDeliveryCount"


class Refused(RuntimeError):
    """Pub/Sub did not do it; the text is its answer."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message that was given up."""

    id: str
    ack_id: str
    published: str
    data: bytes
    attributes: Mapping[str, str]

    @property
    def body(self) -> dict[str, Any] | None:
        """Its JSON object; None when it is none: then no service could read it either."""
        try:
            found = json.loads(self.data)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def described(self) -> dict[str, Any]:
        """What an operator has to see: whose it is, or its bytes as they are."""
        body = self.body
        known = {name: (body or {}).get(name) for name in ("request_id", "tenant", "type")}
        shown = known if body else {"bytes": base64.b64encode(self.data[:1000]).decode()}
        return {
            "id": self.id,
            "published": self.published,
            "deliveries": self.attributes.get(_COUNT),
            "readable": body is not None,
            **shown,
        }


class Letters:
    """The dead letters of one topic."""

    def __init__(
        self, session: requests.Session, project: str, topic: str, base: str = GOOGLE
    ) -> None:
        """*session* signs its calls where the server at *base* wants that."""
        self._session = session
        self._root = f"{base}/v1/projects/{project}"
        self._topic = topic

    def held(self) -> Iterator[Letter]:
        """All that can be had now, each once; they stay held until let go, sent or dropped.

        Raises:
            Refused: Pub/Sub's own words.
        """
        # Without that it waits for messages, longer than we do, and then holds what nobody sees.
        order = {"maxMessages": _AT_ONCE, "returnImmediately": True}
        seen: set[str] = set()
        empty = 0
        while empty < _EMPTY:
            found = self._subscription("pull", order).get("receivedMessages", [])
            fresh = [one for one in map(_letter, found) if one.id not in seen]
            empty = 0 if fresh else empty + 1
            seen |= {one.id for one in fresh}
            yield from fresh

    def let_go(self, letters: list[Letter]) -> None:
        """Put them back: they are there for the next look. Raises Refused."""
        ids = [letter.ack_id for letter in letters]
        for first in range(0, len(ids), _LET_GO_AT_ONCE):
            some = ids[first : first + _LET_GO_AT_ONCE]
            self._subscription("modifyAckDeadline", {"ackIds": some, "ackDeadlineSeconds": 0})

    def send_again(self, letter: Letter) -> None:
        """Publish it to its topic as it came, then drop it here. Raises Refused: it stays."""
        attributes = {
            name: value for name, value in letter.attributes.items() if not _ADDED.fullmatch(name)
        }
        message = {"data": base64.b64encode(letter.data).decode(), "attributes": attributes}
        self._post(f"topics/{self._topic}:publish", {"messages": [message]})
        self.drop(letter)

    def drop(self, letter: Letter) -> None:
        """Take it off for ever. Raises Refused."""
        self._subscription("acknowledge", {"ackIds": [letter.ack_id]})

    def _subscription(self, verb: str, order: Mapping[str, Any]) -> dict[str, Any]:
        return self._post(f"subscriptions/{self._topic}-dead-sub:{verb}", order)

    def _post(self, path: str, order: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._session.post(f"{self._root}/{path}", json=order, timeout=_SECONDS)
        if not answer.ok:
            raise Refused(f"{path} answers {answer.status_code}: {answer.text[:500]}")
        found: dict[str, Any] = answer.json()
        return found


def _letter(received: Mapping[str, Any]) -> Letter:
    message = received["message"]
    return Letter(
        id=message["messageId"],
        ack_id=received["ackId"],
        published=message.get("publishTime", ""),
        data=base64.b64decode(message.get("data", "")),
        attributes=message.get("attributes", {}),
    )
