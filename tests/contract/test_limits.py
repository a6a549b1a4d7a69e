"""How many tracks may be open, and how many requests a minute: over all that ask at once."""

import re
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from math import ceil

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.ingest.limits.places import Places
from services.ingest.limits.rates import Rate
from shared.allowance import ALLOWANCES
from shared.endings import Ending
from shared.errors import StoreUnavailable
from shared.gcp.firestore import FirestoreStore
from shared.track import OPEN, TRACKS, Status
from tests.support.api import GOOD, Api, failed, refused
from tests.support.keyed import Keyed

THREADS = 24
STANDING = re.compile(r'"requests";r=(\d+);t=(\d+)')


@pytest.fixture
def keyed(public_api: Api) -> Keyed:
    return Keyed(public_api)


def tenant() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


def submitted(client: FlaskClient, key: str = "") -> TestResponse:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/v1/tracks", json=GOOD, headers=headers)


def at_once(count: int, call: Callable[[int], TestResponse]) -> list[TestResponse]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(call, range(count)))


def good(answers: list[TestResponse]) -> list[TestResponse]:
    return [answer for answer in answers if answer.status_code < 400]


def ids(answers: list[TestResponse]) -> list[str]:
    return [answer.json["request_id"] for answer in good(answers) if answer.json]


# Open tracks.


def test_a_burst_in_one_instance_opens_no_more_than_may_be(keyed: Keyed, public_api: Api) -> None:
    name = tenant()
    client = keyed.client(keyed.key(name, open_tracks=5))
    answers = at_once(60, lambda _: submitted(client))
    opened = ids(answers)
    assert len(opened) == 5
    assert public_api.store.count(TRACKS, {"tenant": name, "status": OPEN}) == 5
    answer = next(answer for answer in answers if answer.status_code != 202)
    body = refused(answer, 429, "too_many_tracks")
    assert body["detail"].startswith("5 tracks")
    assert body["cure"]
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_what_has_ended_makes_room_at_once(keyed: Keyed, public_api: Api, how: str) -> None:
    client = keyed.client(keyed.key(tenant(), open_tracks=2))
    opened = ids([submitted(client) for _ in range(3)])
    assert len(opened) == 2
    if how == "cancelled":
        assert client.post(f"/v1/tracks/{opened[0]}/cancel").status_code == 200
    else:
        public_api.end(opened[0], failed())
    assert [submitted(client).status_code for _ in range(2)] == [202, 429]


def test_a_retry_needs_a_place_too(keyed: Keyed, public_api: Api) -> None:
    client = keyed.client(keyed.key(tenant(), open_tracks=1))
    (first,) = ids([submitted(client)])
    public_api.end(first, Ending(Status.EXPIRED))
    (second,) = ids([submitted(client)])
    refused(client.post(f"/v1/tracks/{first}/retry"), 429, "too_many_tracks")
    public_api.end(second, failed())
    assert client.post(f"/v1/tracks/{first}/retry").status_code == 202


def test_a_repetition_needs_no_place(keyed: Keyed) -> None:
    client = keyed.client(keyed.key(tenant(), open_tracks=1))
    answers = at_once(40, lambda _: submitted(client, "k"))
    assert len(set(ids(answers))) == 1
    assert len(good(answers)) == 40
    refused(submitted(client), 429, "too_many_tracks")


def test_no_place_at_all(keyed: Keyed) -> None:
    refused(submitted(keyed.client(keyed.key(tenant(), open_tracks=0))), 429, "too_many_tracks")


def test_several_instances_do_not_exceed_it_for_long(public_api: Api) -> None:
    name, apps = tenant(), [Keyed(public_api) for _ in range(3)]
    key = apps[0].key(name, open_tracks=4)
    clients = [app.client(key) for app in apps]
    answers = at_once(60, lambda number: submitted(clients[number % 3]))
    assert 4 <= len(good(answers)) <= 3 * 4
    for client in clients:
        refused(submitted(client), 429, "too_many_tracks")


def test_a_place_that_was_not_used_is_free_again() -> None:
    places = Places(lambda: 3)
    assert [places.take(4), places.take(4)] == [True, False]
    places.settle(opened=False)
    assert places.take(4)
    places.settle(opened=True)
    assert places.take(4), "it was in no count, but the next count is the truth"


def test_a_crowd_waits_for_a_count_that_fails_at_most_twice() -> None:
    counts = []

    def count() -> int:
        counts.append(1)
        time.sleep(0.2)
        raise StoreUnavailable("away")

    places = Places(count)

    def take(_: int) -> None:
        with pytest.raises(StoreUnavailable):
            places.take(4)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(take, range(20)))
    assert len(counts) <= 3


# Requests a minute.


def standing(answer: TestResponse) -> tuple[int, int]:
    found = STANDING.fullmatch(answer.headers["RateLimit"])
    assert found, answer.headers["RateLimit"]
    return int(found[1]), int(found[2])


def asked(client: FlaskClient) -> TestResponse:
    return client.get("/v1/models")


@pytest.mark.parametrize("instances", [1, 3])
def test_as_many_requests_as_may_be_and_no_more(public_api: Api, instances: int) -> None:
    name, apps = tenant(), [Keyed(public_api) for _ in range(instances)]
    key = apps[0].key(name, requests_per_minute=60)
    clients = [app.client(key) for app in apps]
    before = time.monotonic()
    answers = at_once(150, lambda number: asked(clients[number % instances]))
    flowed = ceil(time.monotonic() - before)
    # An instance that was asked enough may be left with some of its last tenth.
    assert 60 - 5 * (instances - 1) <= len(good(answers)) <= 60 + flowed
    for answer in answers:
        assert answer.headers["RateLimit-Policy"] == '"requests";q=60;w=60'
        remaining, wait = standing(answer)
        if answer.status_code == 200:
            assert 0 <= remaining < 60
            continue
        assert refused(answer, 429, "rate_limited")["cure"]
        assert remaining == 0
        assert 1 <= wait <= 6
        assert answer.headers["Retry-After"] == str(wait)
    level = public_api.store.get(ALLOWANCES, f"requests-{name}").value
    assert level
    assert len(level.writers) <= 10 + ceil(flowed / 6), "a request is not a write"


def test_what_is_left_is_told_and_comes_back(keyed: Keyed) -> None:
    client = keyed.client(keyed.key(tenant(), requests_per_minute=600))
    first, second = standing(asked(client)), standing(asked(client))
    assert 590 <= first[0] < 600
    assert first[0] - 1 <= second[0] < 600
    assert first[1] == second[1] == 1


def test_refusals_of_all_kinds_say_it_and_probes_do_not(keyed: Keyed) -> None:
    client = keyed.client(keyed.key(tenant(), requests_per_minute=60))
    for path in ("/v1/tracks/nothing", "/v1/models?x=1"):
        answer = client.get(path)
        assert answer.status_code in (400, 404)
        assert standing(answer)[0] < 60
    for path in ("/live", "/.well-known/webhook-keys"):
        assert "RateLimit" not in client.get(path).headers


def test_who_has_no_limit_is_told_of_none(keyed: Keyed) -> None:
    client = keyed.client(keyed.key(tenant()))
    answers = at_once(100, lambda _: asked(client))
    assert len(good(answers)) == 100
    assert not any({"RateLimit", "RateLimit-Policy"} & set(a.headers.keys()) for a in answers)


def test_no_requests_at_all(keyed: Keyed) -> None:
    answer = asked(keyed.client(keyed.key(tenant(), requests_per_minute=0)))
    refused(answer, 429, "rate_limited")
    assert answer.headers["Retry-After"] == "60"


def test_a_store_that_is_away_stops_nobody(monkeypatch: pytest.MonkeyPatch, project: str) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    with closing(FirestoreStore(project, timeout=0.2)) as away:
        with pytest.raises(StoreUnavailable):
            away.get(ALLOWANCES, "requests-acme")
        rate = Rate(away, "acme", 20)
        assert all(rate.take().admitted for _ in range(5))
        slow, before = Rate(away, "acme", 10), time.monotonic()  # a block of one
        assert all(slow.take().admitted for _ in range(20))
        assert time.monotonic() - before < 2, "one look, not twenty"
