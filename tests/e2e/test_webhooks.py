"""Webhooks that arrive: signed, at last, again when asked for, and while the track is made."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from deploy.local.http import Request, Response, Server
from deploy.local.process import free_port
from services.notifier.delivery import JITTER, SCHEDULE
from tests.support.rig import Rig, Sent
from tests.support.rigs import FAST, running_rig
from tests.support.waiting import wait_for

DOWN = 20.0
DOWN_SCALE = 0.01
"""The fourth attempt comes 21 to 26 s after the first, the one before it 3 to 4 s."""


def webhook(rig: Rig, sent: Sent) -> dict[str, Any]:
    answer = rig.http.get(f"{rig.info['api']}/v1/tracks/{sent.id}/webhook", timeout=30)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def arrived(rig: Rig, sent: Sent) -> dict[str, Any]:
    """The webhook once its success is written down, which is after the answer."""
    found = wait_for(lambda: [w] if (w := webhook(rig, sent))["state"] == "delivered" else [], 30)
    return found[0]


def answers(rig: Rig, sent: Sent, *statuses: int) -> None:
    """What the sink answers to the next webhooks of this track."""
    script = {"path": sent.hook, "statuses": statuses}
    assert rig.http.post(f"{rig.info['webhook_sink']}/_script", json=script, timeout=30).ok


def held_back(rig: Rig, prompt: str, seconds: float) -> None:
    """The model takes so long for *prompt*."""
    rig.fault("vertex", {"match": {"prompt": prompt}, "action": {"delay": seconds}})


def test_a_callback_is_verified_and_told_of(rig: Rig) -> None:
    sent = rig.submit()
    (hook,) = rig.hooked(sent, 60)
    body = json.loads(hook["body"])
    assert body["type"] == "track.completed"
    assert body["data"]["request_id"] == sent.id
    told = arrived(rig, sent)
    assert told["webhook_id"] == hook["headers"]["webhook-id"]
    assert [(a["number"], a["status"]) for a in told["attempts"]] == [(1, 204)]


def test_the_second_attempt_comes_five_seconds_after_the_first(rig: Rig) -> None:
    """Nothing is scaled here: it does not wait for a scheduler that comes each minute."""
    prompt = f"a receiver that stumbles {uuid.uuid4()}"
    held_back(rig, prompt, 1)
    sent = rig.submit(prompt=prompt)
    answers(rig, sent, 500)
    first, second = wait_for(lambda: hooks if len(hooks := rig.hooks(sent)) > 1 else [], 60)
    assert 5 <= second["time"] - first["time"] <= 8
    assert len(rig.hooked(sent)) == 2
    assert first["headers"]["webhook-timestamp"] < second["headers"]["webhook-timestamp"]
    assert [a["status"] for a in arrived(rig, sent)["attempts"]] == [500, 204]


def test_a_redelivery_is_the_same_webhook_again(rig: Rig) -> None:
    sent = rig.submit()
    arrived_first = arrived(rig, sent)
    time.sleep(1)  # the time in a signature has whole seconds
    answer = rig.post(sent.id, "webhook/redeliver")
    assert answer.status_code == 202, answer.text
    first, again = wait_for(lambda: hooks if len(hooks := rig.hooks(sent)) > 1 else [], 10)
    assert len(rig.hooked(sent)) == 2  # one id, one body, both verified
    assert int(first["headers"]["webhook-timestamp"]) < int(again["headers"]["webhook-timestamp"])
    assert arrived_first["state"] == "delivered"
    told = wait_for(lambda: w if len((w := webhook(rig, sent))["attempts"]) > 1 else {})
    assert told["state"] == "delivered"
    assert [a["redelivery"] for a in told["attempts"]] == [False, True]


def test_who_asks_hears_how_a_track_is_coming_along(rig: Rig) -> None:
    prompt = f"a slow start {uuid.uuid4()}"
    held_back(rig, prompt, 3)
    asked = ["track.queued", "track.running", "track.progress", "track.completed"]
    sent = rig.submit(prompt=prompt, callback_events=asked)
    rig.ended(sent.id)
    arrived(rig, sent)
    hooks = rig.hooks(sent)
    for hook in hooks:
        Webhook(rig.info["webhook_secret"]).verify(hook["body"], hook["headers"])
    assert len({hook["headers"]["webhook-id"] for hook in hooks}) == len(hooks)
    told = sorted((json.loads(hook["body"]) for hook in hooks), key=lambda body: body["timestamp"])
    assert list(dict.fromkeys(body["type"] for body in told)) == asked
    shown = [body["data"]["progress"] for body in told[:-1]]
    assert shown == sorted(shown)
    assert 0 < shown[-1] < 1
    assert told[-1]["data"]["progress"] is None


class Receiver:
    """A customer's server that is not always there."""

    def __init__(self, secret: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.got: list[str] = []
        self._secret = secret

    def answer(self, request: Request) -> Response:
        headers = dict(request.headers.items())
        payload = Webhook(self._secret).verify(request.body.decode(), headers)
        self.got.append(payload["data"]["request_id"])
        return Response(204)


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    quick = {**FAST, "TIME_SCALE": "0.05", "WEBHOOK_TIME_SCALE": str(DOWN_SCALE)}
    with running_rig(Path(tmp_path_factory.mktemp("scaled")), quick) as rig:
        yield rig


@pytest.mark.faults
def test_a_receiver_that_was_down_for_twenty_seconds_gets_it(scaled: Rig) -> None:
    gaps = [gap * DOWN_SCALE for gap in SCHEDULE[:4]]
    assert sum(gaps[:3]) * (1 + JITTER) < DOWN < sum(gaps)
    receiver = Receiver(scaled.info["webhook_secret"])
    sent = scaled.submit(callback_url=receiver.url)
    assert scaled.ended(sent.id)["status"] == "completed"
    ended = time.monotonic()
    wait_for(lambda: len(webhook(scaled, sent).get("attempts", [])) == 3)
    time.sleep(max(0.0, ended + DOWN - time.monotonic()))
    assert webhook(scaled, sent)["state"] == "pending"
    with Server(receiver.answer, receiver.port):
        told = arrived(scaled, sent)
    assert receiver.got == [sent.id]
    assert [a["code"] for a in told["attempts"]] == ["connection_refused"] * 3 + [None]
