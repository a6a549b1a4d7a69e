"""The relay against the real Pub/Sub emulator and a small HTTP service."""

import base64
import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import requests
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import SubscriberClient

from deploy.local.emulators import start_pubsub
from deploy.local.keys import PUSH_ACCOUNT, SCHEDULER_ACCOUNT
from deploy.local.process import free_port
from deploy.local.tools import ensure_tools
from deploy.local.topology import create_pubsub
from shared.messages import encode, event_attributes
from tests.support.emulation import Emulators
from tests.support.messages import completed_event
from tests.support.processes import running
from tests.support.relay import Relay, relaying
from tests.support.target import Delivery, Target
from tests.support.topics import fresh_project, topics
from tests.support.waiting import wait_for

AUDIENCE = "https://generator.example"
SWEEP = "/internal/sweep"


@pytest.fixture(scope="module")
def relay(
    emulators: Emulators, keys_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Relay]:
    """Time runs a hundred times as fast."""
    project, folder = fresh_project(), tmp_path_factory.mktemp("relay")
    create_pubsub(project)
    audience = f"--generator-audience={AUDIENCE}"
    with relaying(project, folder, keys_folder, audience, scale=0.01) as started:
        yield started


def deliveries(service: Target, key: str, count: int) -> list[Delivery]:
    wait_for(lambda: len(service.got(key)) >= count)
    return service.got(key)


def attempts(sent: list[Delivery]) -> list[int]:
    return [one.body["deliveryAttempt"] for one in sent]


def test_headers_are_eventarcs(relay: Relay) -> None:
    relay.topics.request_track("headers")
    (sent,) = deliveries(relay.service, "headers", 1)
    assert sent.path == "/events/requests"
    headers = dict(sent.headers)
    assert headers.pop("authorization").startswith("Bearer ey")
    assert int(headers.pop("content-length")) > 0
    project = relay.topics.project
    assert headers == {
        "host": relay.service.url.removeprefix("http://"),
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "gzip, deflate, br",
        "from": "noreply@google.com",
        "user-agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
        "ce-id": sent.body["message"]["messageId"],
        "ce-source": f"//pubsub.googleapis.com/projects/{project}/topics/track-requests",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce-time": sent.body["message"]["publishTime"],
    }


def test_body_is_the_wrapped_message(relay: Relay) -> None:
    message = relay.topics.request_track("body")
    (sent,) = deliveries(relay.service, "body", 1)
    subscription = f"projects/{relay.topics.project}/subscriptions/eventarc-track-requests"
    wrapped = sent.body.pop("message")
    assert sent.body == {"subscription": subscription, "deliveryAttempt": 1}
    assert base64.b64decode(wrapped.pop("data")) == encode(message)
    assert wrapped.pop("attributes")["ce-id"] == "body:1:requested"
    assert wrapped.pop("message_id") == wrapped["messageId"]
    assert wrapped.pop("publish_time") == wrapped["publishTime"]
    assert wrapped.keys() == {"messageId", "publishTime"}


def test_refusals_are_counted_and_backed_off(relay: Relay) -> None:
    relay.service.answer("refused", 500, 429, 302, 400, 202)
    relay.topics.request_track("refused")
    sent = deliveries(relay.service, "refused", 5)
    assert attempts(sent) == [1, 2, 3, 4, 5]
    gaps = [later.at - earlier.at for earlier, later in pairwise(sent)]
    assert all(gap >= least for gap, least in zip(gaps, (0.1, 0.2, 0.4, 0.8), strict=True))
    assert gaps == sorted(gaps)


def test_64_are_in_flight_at_once(relay: Relay) -> None:
    together = threading.Barrier(64)
    names = [f"wide-{number}" for number in range(64)]
    for name in names:
        relay.service.before_answer(name, lambda: together.wait(timeout=10))
    for name in names:
        relay.topics.request_track(name)
    wait_for(lambda: all(relay.service.got(name) for name in names))
    wait_for(lambda: together.n_waiting == 0)
    assert not together.broken


def test_a_thrown_away_message_never_arrives(relay: Relay) -> None:
    relay.fault({"request_id": "^lost$", "hop": "requests"}, throw_away=True)
    relay.topics.request_track("lost")
    wait_for(lambda: relay.armed() == [])
    relay.topics.request_track("after")
    deliveries(relay.service, "after", 1)
    assert relay.service.got("lost") == []


def test_duplicates_arrive_at_once(relay: Relay) -> None:
    together = threading.Barrier(3)
    relay.service.before_answer("thrice", lambda: together.wait(timeout=10))
    relay.fault({"request_id": "thrice"}, duplicate=3)
    relay.topics.request_track("thrice")
    assert attempts(deliveries(relay.service, "thrice", 3)) == [1, 1, 1]
    wait_for(lambda: together.n_waiting == 0)
    assert not together.broken


def test_a_lost_reply_is_a_refusal(relay: Relay) -> None:
    relay.fault({"request_id": "unheard"}, commit_then_reset=True)
    relay.topics.request_track("unheard")
    assert attempts(deliveries(relay.service, "unheard", 2)) == [1, 2]


def test_tokens_verify_as_googles_do(relay: Relay) -> None:
    relay.topics.request_track("token")
    (sent,) = deliveries(relay.service, "token", 1)
    claims = relay.claims(sent.token, AUDIENCE)
    assert claims["iss"] == "https://accounts.google.com"
    assert claims["email"] == PUSH_ACCOUNT
    assert claims["email_verified"] is True
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["sub"].isdigit()
    header = jwt.decode_header(sent.token)
    assert header["alg"] == "RS256"
    assert header["kid"] in relay.certs()


def test_tokens_can_be_forged_for_tests(relay: Relay) -> None:
    wanted = {"audience": "x", "email": "a@b", "exp": 1, "iat": 0, "email_verified": None}
    token = requests.post(f"{relay.url}/token", json=wanted, timeout=5).json()["token"]
    with pytest.raises(GoogleAuthError, match="expired"):
        relay.claims(token, "x")
    claims = jwt.decode(token, verify=False)
    assert claims["email"] == "a@b"
    assert "email_verified" not in claims


def test_a_tick_sweeps_both_services(relay: Relay) -> None:
    before = len(relay.service.got(SWEEP))
    assert relay.tick() == {"generator": 204, "notifier": 204}
    sent = relay.service.got(SWEEP)[before:]
    audiences = {jwt.decode(sweep.token, verify=False)["aud"]: sweep.token for sweep in sent}
    assert audiences.keys() == {AUDIENCE, relay.service.url}
    for audience, token in audiences.items():
        assert relay.claims(token, audience)["email"] == SCHEDULER_ACCOUNT


def test_sweeps_can_be_spoiled(relay: Relay) -> None:
    relay.fault({"hop": "^sweep$"}, count=-1, status=503)
    assert relay.tick() == {"generator": 503, "notifier": 503}
    relay.disarm()


def test_sweeps_come_each_period_and_one_at_a_time(relay: Relay) -> None:
    deliveries(relay.service, SWEEP, len(relay.service.got(SWEEP)) + 4)
    begun, release = threading.Semaphore(0), threading.Event()

    def block() -> None:
        begun.release()
        release.wait(10)

    relay.service.before_answer(SWEEP, block)
    for _ in range(2):
        assert begun.acquire(timeout=5)
    tick = threading.Thread(target=relay.tick)
    tick.start()
    assert not begun.acquire(timeout=0.8), "more than the period has gone by"
    release.set()
    tick.join()


@pytest.fixture(scope="module")
def strict(
    emulators: Emulators, keys_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Relay]:
    """What a private service behind a plain push subscription sees; Pub/Sub waits only 5 s."""
    project, folder = fresh_project(), tmp_path_factory.mktemp("strict")
    create_pubsub(project)
    name = f"projects/{project}/subscriptions/eventarc-track-requests"
    topic = f"projects/{project}/topics/track-requests"
    with SubscriberClient() as subscriber:
        subscriber.delete_subscription(subscription=name)
        subscriber.create_subscription(name=name, topic=topic, ack_deadline_seconds=5)
    options = "--token-form=platform", "--generator-mode=push"
    with relaying(project, folder, keys_folder, *options, scale=0.0025) as started:
        yield started


def test_a_private_service_sees_no_signature(strict: Relay) -> None:
    strict.topics.request_track("private")
    (sent,) = deliveries(strict.service, "private", 1)
    _, payload, signature = sent.token.split(".")
    assert signature == "SIGNATURE_REMOVED_BY_GOOGLE"
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["email"] == PUSH_ACCOUNT
    assert claims["aud"] == strict.service.url


def test_plain_push_has_no_event_headers(strict: Relay) -> None:
    strict.topics.request_track("plain")
    (sent,) = deliveries(strict.service, "plain", 1)
    assert not [name for name in sent.headers if name.startswith("ce-")]
    assert sent.body["message"]["messageId"]


def test_ten_refusals_make_a_dead_letter(strict: Relay) -> None:
    strict.service.answer("dead", *[500] * 20)
    strict.topics.request_track("alive")
    message = strict.topics.request_track("dead")
    (dead,) = wait_for(lambda: strict.topics.pull("track-requests-dead-sub"))
    sent = strict.service.got("dead")
    assert attempts(sent) == list(range(1, 11)), "held longer than Pub/Sub's own 5 s"
    assert attempts(strict.service.got("alive")) == [1], "acknowledged, so not sent again after 5 s"
    assert dead.data == encode(message)
    assert dead.attributes["ce-subject"] == "dead"
    added = {k: v for k, v in dead.attributes.items() if k.startswith("CloudPubSub")}
    assert added == {
        "CloudPubSubDeadLetterSourceDeliveryCount": "10",
        "CloudPubSubDeadLetterSourceSubscription": "eventarc-track-requests",
        "CloudPubSubDeadLetterSourceSubscriptionProject": strict.topics.project,
        "CloudPubSubDeadLetterSourceTopicPublishTime": sent[0].body["message"]["publishTime"],
    }


def test_a_stopped_relay_gives_back_what_it_held_and_only_that(
    project: str, keys_folder: Path, tmp_path: Path
) -> None:
    create_pubsub(project)
    with relaying(project, tmp_path, keys_folder, scale=1) as stopped:
        stopped.service.answer("held", 500)
        stopped.topics.request_track("taken")
        stopped.topics.request_track("held")
        deliveries(stopped.service, "taken", 1)
        wait_for(lambda: "attempt 1: 500" in stopped.log.read_text())
    with topics(project) as opened:
        given_back = opened.pull("eventarc-track-requests")
    assert [one.attributes["ce-subject"] for one in given_back] == ["held"]


def test_the_relay_outlives_emulator_and_service(
    monkeypatch: pytest.MonkeyPatch, keys_folder: Path, tmp_path: Path
) -> None:
    tools, project, log = ensure_tools(os.environ), fresh_project(), tmp_path / "log"
    port, service_port = free_port(), free_port()
    start = partial(start_pubsub, port, tmp_path / "pubsub.log", java=tools.java, jars=tools.jars)
    emulator = start().ready()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator.host)
    create_pubsub(project)
    service_url = f"http://127.0.0.1:{service_port}"
    arguments = "--data", tmp_path, "--keys", keys_folder
    services = "--generator", service_url, "--notifier", service_url
    env = {"GCP_PROJECT": project, "TIME_SCALE": "0.01"}
    try:
        with running("deploy.local.relay", *arguments, *services, log=log, **env):
            with topics(project) as opened:
                opened.request_track("first")
            wait_for(lambda: "attempt 1: ConnectionError" in log.read_text())
            with Target(service_port) as service:
                assert attempts(deliveries(service, "first", 1))[0] > 1
                emulator.kill()
                emulator = start().ready()
                create_pubsub(project)
                with topics(project) as opened:
                    opened.request_track("second")
                deliveries(service, "second", 1)
    finally:
        emulator.stop()


@pytest.mark.parametrize("topic", ["track-events", "track-progress"])
def test_endings_and_live_events_take_the_same_path(relay: Relay, topic: str) -> None:
    event = completed_event().model_copy(update={"request_id": topic})
    relay.topics.publish(topic, encode(event), event_attributes(event, "tests"))
    (sent,) = deliveries(relay.service, topic, 1)
    assert sent.path == "/events/tracks"
    assert sent.body["subscription"].endswith(f"/eventarc-{topic}")
