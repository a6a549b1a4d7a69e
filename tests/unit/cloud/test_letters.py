"""Dead letters of a Pub/Sub that is less obliging than its emulator."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from deploy.cloud.dead_letters import _parser, work
from deploy.cloud.letters import Letters, Refused
from deploy.local.http import Request, Response, Server

MANY = 2500


class Backlog:
    """Messages that are leased to whoever pulls; some answers are empty, or refusals."""

    def __init__(self, count: int) -> None:
        self.waiting = [f"{number:04}" for number in range(count)]
        self.leased: list[str] = []
        self.empty_first = 0
        self.refuses = ""
        self.largest = 0

    def handle(self, request: Request) -> Response:
        verb = request.path.rpartition(":")[2]
        order: dict[str, Any] = json.loads(request.body)
        if verb == self.refuses:
            return Response.json({"error": "no"}, 403)
        self.largest = max(self.largest, len(order.get("ackIds", [])))
        return Response.json(getattr(self, verb)(order))

    def pull(self, order: dict[str, Any]) -> dict[str, Any]:
        if self.empty_first:
            self.empty_first -= 1
            return {}
        many = order["maxMessages"]
        taken, self.waiting = self.waiting[:many], self.waiting[many:]
        self.leased += taken
        data = base64.b64encode(b"{}").decode()
        return {
            "receivedMessages": [
                {"ackId": f"ack-{one}", "message": {"messageId": one, "data": data}}
                for one in taken
            ]
        }

    def modifyAckDeadline(self, order: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - Pub/Sub's
        back = [ack.removeprefix("ack-") for ack in order["ackIds"]]
        self.leased = [one for one in self.leased if one not in back]
        self.waiting += back
        return {}


@pytest.fixture
def backlog() -> Backlog:
    return Backlog(3)


@pytest.fixture
def letters(backlog: Backlog) -> Iterator[Letters]:
    with Server(backlog.handle) as server, requests.Session() as session:
        session.trust_env = False
        yield Letters(session, "p", "track-requests", server.url)


def run(letters: Letters, *arguments: str) -> tuple[set[str], int]:
    return work(_parser().parse_args(arguments), "track-requests", letters)


def test_an_empty_answer_is_not_the_end(backlog: Backlog, letters: Letters) -> None:
    backlog.empty_first = 2
    assert run(letters, "list") == ({"0000", "0001", "0002"}, 0)


def test_all_of_very_many_are_put_back(letters: Letters, backlog: Backlog) -> None:
    backlog.waiting = [f"{number:04}" for number in range(MANY)]
    assert len(run(letters, "list")[0]) == MANY
    assert backlog.leased == []
    assert len(backlog.waiting) == MANY
    assert backlog.largest <= 1000


def test_what_may_not_be_dropped_is_put_back(letters: Letters, backlog: Backlog) -> None:
    backlog.refuses = "acknowledge"
    assert run(letters, "drop", "--all") == ({"0000", "0001", "0002"}, 3)
    assert backlog.leased == []


def test_so_is_what_was_held_when_pubsub_refused(
    letters: Letters, backlog: Backlog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(order: dict[str, Any]) -> dict[str, Any]:
        backlog.refuses = "pull"
        return Backlog.pull(backlog, order)

    monkeypatch.setattr(backlog, "pull", broken)
    with pytest.raises(Refused, match="403"):
        run(letters, "list")
    assert backlog.leased == []
