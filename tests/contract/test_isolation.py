"""Three tenants, every route, the others' ids: always the same 404 as for what is not there."""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.ingest.identity.callers import is_public
from services.ingest.prompts.records import IMAGES, KEPT, Seen, image_id
from shared.ports import Create
from shared.webhooks import ENDPOINTS, Endpoint, endpoint_id
from tests.support.api import GOOD, Api
from tests.support.deliveries import URL, recorded
from tests.support.keyed import Keyed

UNKNOWN = {
    "track_id": "00000000-0000-4000-8000-000000000000",
    "webhook_id": "msg_" + "a" * 52,
    "endpoint_id": "ep_" + "a" * 52,
    "secret_id": "sec_" + "0" * 24,
    "image_id": "00000000-0000-5000-8000-000000000000",
}
"""An id of each kind that nobody has; a new kind of id belongs here, and into ``Owner``."""
SECONDARY = {"name": "wav"}
TENANTS = ("red", "green", "blue")


@dataclass(frozen=True)
class Owner:
    """One tenant, and an id of each kind that is its own."""

    client: FlaskClient
    ids: Mapping[str, str]


@pytest.fixture(scope="module")
def keyed(public_api: Api) -> Keyed:
    """Ingest that asks for keys."""
    return Keyed(public_api)


@pytest.fixture(scope="module")
def owners(keyed: Keyed) -> dict[str, Owner]:
    """Three tenants with an ended track, its webhook, their receiver and a secret."""
    return {tenant: owner(keyed, tenant) for tenant in TENANTS}


def owner(keyed: Keyed, tenant: str) -> Owner:
    client = keyed.client(keyed.key(tenant))
    secret = client.post("/v1/webhooks/secrets").get_json()["id"]
    client.post("/v1/webhooks/secrets")  # so that the other one could be deleted
    track = client.post("/v1/tracks", json=GOOD | {"callback_url": URL}).get_json()["request_id"]
    row = recorded(keyed.api, track)
    receiver = Endpoint(
        endpoint_id=endpoint_id(tenant, URL), tenant=tenant, url=URL, created_at=row.created_at
    )
    keyed.api.store.commit(Create(ENDPOINTS, receiver.endpoint_id, receiver))
    ids = {
        "track_id": track,
        "webhook_id": row.webhook_id,
        "endpoint_id": receiver.endpoint_id,
        "secret_id": secret,
        "image_id": image(keyed, tenant),
    }
    return Owner(client, ids)


def image(keyed: Keyed, tenant: str) -> str:
    """What was seen in an image of this tenant."""
    name, store = image_id(tenant, tenant.encode()), keyed.api.store
    store.get(IMAGES, name)
    now = store.clock.now()
    seen = Seen(
        tenant=tenant,
        prompt=f"what only {tenant} may read",
        style="jazz",
        tempo="slow",
        mood="",
        energy=0.5,
        palette=(),
        model="",
        created_at=now,
        expire_at=now + KEPT,
    )
    store.commit(Create(IMAGES, name, seen))
    return name


def routes(keyed: Keyed) -> Iterator[tuple[str, str]]:
    """Method and pattern of every route of which somebody is the owner."""
    for rule in keyed.app.url_map.iter_rules():
        if rule.arguments and not is_public(rule.rule):
            for method in sorted((rule.methods or set()) - {"OPTIONS"}):
                yield method, rule.rule


def filled(pattern: str, ids: Mapping[str, str]) -> str:
    known = {**SECONDARY, **ids}
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: known[found[1]], pattern)


def shape(answer: TestResponse) -> tuple[int, str, list[str], Any]:
    """All that an answer tells, but for its own id and the rate that is left."""
    body = answer.get_json(silent=True) or {}
    headers = sorted(
        name
        for name, _ in answer.headers
        if not name.lower().startswith(("ratelimit", "x-request"))
    )
    told = {name: value for name, value in body.items() if name != "request_id"}
    return answer.status_code, answer.content_type, headers, told


def test_what_is_anothers_is_not_there(keyed: Keyed, owners: Mapping[str, Owner]) -> None:
    found = list(routes(keyed))
    assert len(found) > 20
    for method, pattern in found:
        for mine in TENANTS:
            client = owners[mine].client
            nothing = shape(client.open(filled(pattern, UNKNOWN), method=method))
            assert nothing[0] == 404, (method, pattern, nothing)
            for other in {*TENANTS} - {mine}:
                answer = client.open(filled(pattern, owners[other].ids), method=method)
                assert shape(answer) == nothing, (method, pattern)


def test_a_handshake_for_what_is_anothers_fails_as_for_what_is_not_there(
    owners: Mapping[str, Owner],
) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    red = owners["red"].client
    told = [
        shape(red.get(f"/v1/tracks/{track}/stream", headers=upgrade))
        for track in (UNKNOWN["track_id"], owners["green"].ids["track_id"])
    ]
    assert told[0] == told[1]
    assert (told[0][0], told[0][3]["code"]) == (404, "no_such_track")


def test_nothing_of_it_was_touched(keyed: Keyed, owners: Mapping[str, Owner]) -> None:
    for one in owners.values():
        track = one.client.get(f"/v1/tracks/{one.ids['track_id']}")
        assert (track.status_code, track.get_json()["status"]) == (200, "failed")
        assert track.get_json()["run"] == 1
        secret = one.client.get("/v1/webhooks/secrets").get_json()["secrets"]
        assert {row["id"]: row["live"] for row in secret}[one.ids["secret_id"]]
        seen = one.client.get(f"/v1/prompts/{one.ids['image_id']}")
        assert (seen.status_code, seen.get_json()["style"]) == (200, "jazz")
        event = one.client.get(f"/v1/webhooks/events/{one.ids['webhook_id']}").get_json()
        assert (event["state"], event["redelivery_requested_at"]) == ("pending", None)


def test_no_list_shows_anothers(keyed: Keyed, owners: Mapping[str, Owner]) -> None:
    patterns = [
        rule.rule
        for rule in keyed.app.url_map.iter_rules()
        if not rule.arguments and not is_public(rule.rule) and "GET" in (rule.methods or ())
    ]
    assert len(patterns) >= 3
    for mine, one in owners.items():
        for pattern in patterns:
            text = one.client.get(pattern).text
            for other in {*TENANTS} - {mine}:
                assert not [held for held in owners[other].ids.values() if held in text], pattern


def test_anothers_cursor_opens_nothing(keyed: Keyed, owners: Mapping[str, Owner]) -> None:
    for path in ("/v1/tracks", "/v1/webhooks/events", "/v1/webhooks/endpoints"):
        theirs = owners["red"].client.get(path).get_json()["next"]
        answer = owners["green"].client.get(path, query_string={"after": theirs})
        for held in owners["red"].ids.values():
            assert held not in answer.text


def test_the_same_idempotency_key_is_another_tenants_own_track(owners: Mapping[str, Owner]) -> None:
    key = {"Idempotency-Key": secrets.token_hex(8)}
    made = [
        one.client.post("/v1/tracks", json=GOOD | {"seed": seed}, headers=key)
        for seed, one in enumerate(owners.values())
    ]
    assert [answer.status_code for answer in made] == [202] * 3
    assert len({answer.get_json()["request_id"] for answer in made}) == 3
