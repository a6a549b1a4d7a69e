"""Do the services serve, without errors, and get what is published for them?"""

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Final

import requests

from deploy.cloud.bucket_checks import Check
from deploy.cloud.names import SERVICES
from deploy.cloud.subscriptions import differences
from deploy.cloud.world import Failed, World

_SECONDS: Final = 30


def checks(world: World) -> Iterator[Check]:
    """Name -> what raises Failed."""
    for service in sorted(SERVICES):
        yield f"{service}-ready", partial(world.ready, service)
        yield f"{service}-logs", partial(_logs, world, service)
    for topic in world.topics:
        yield f"{topic}-subscription", partial(_subscription, world, topic)
        yield f"{topic}-dead-letters", partial(_dead_letters, world, topic)
    yield "forged-token", partial(_forged, world)
    yield "ingest-tokens", partial(_intact, world)


def _logs(world: World, service: str) -> None:
    if found := world.errors(service):
        raise Failed(" | ".join(found))


def _subscription(world: World, topic: str) -> None:
    wrong = differences(world.subscription(topic), world.project, topic)
    if not world.forwards(topic):
        wrong.append("Pub/Sub's agent is no subscriber: dead letters would stay")
    if wrong:
        raise Failed("; ".join(wrong))


def _dead_letters(world: World, topic: str) -> None:
    found = world.dead_letters(topic)
    if not found.get("topic", "").endswith(f"/{topic}-dead"):
        raise Failed(f"it is subscribed to {found.get('topic')}")
    if found.get("expirationPolicy") != {}:
        raise Failed("it is removed when nobody looks for a month, and dead letters are lost")


def _forged(world: World) -> None:
    """A private service must refuse what only looks as if Cloud Run had checked it."""
    url = world.url("generator")
    bearer = {"Authorization": f"Bearer {world.forged(url)}"}
    answer = world.http.post(f"{url}/internal/sweep", headers=bearer, timeout=_SECONDS)
    world.refused(answer)


def _intact(world: World) -> None:
    """Ingest checks signatures itself, so they have to reach it."""
    url = world.url("ingest")
    bearer = {"Authorization": f"Bearer {world.token(url)}"}
    answer = world.http.post(f"{url}/internal/token", headers=bearer, timeout=_SECONDS)
    if answer.status_code != requests.codes.ok:
        raise Failed(f"answered {answer.status_code}")
    sent = hashlib.sha256(bearer["Authorization"].encode()).hexdigest()
    if answer.json()["sha256"] != sent:
        raise Failed("the token was changed on its way")
