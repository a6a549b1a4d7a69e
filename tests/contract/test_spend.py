"""The daily cap: never overrun, almost all of it usable, credited once, whoever does what when."""

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.ingest.identity.callers import Caller
from services.ingest.limits.admission import Limits
from services.ingest.tracks.asked import NotRetryable, WasErased
from services.ingest.tracks.asked import keyed as keyed_id
from services.ingest.tracks.erasing import Erasing
from services.ingest.tracks.use_cases import Tracks
from services.ingest.webhooks.secrets import Secrets
from shared.allowance import ALLOWANCES
from shared.bucket import UNIT
from shared.clock import StoreClock
from shared.endings import Ending, end
from shared.errors import CommitUnclear, StoreUnavailable
from shared.gcp.firestore import FirestoreStore
from shared.ports import Collection, Create, Snapshot, T
from shared.problems import Problem
from shared.spend import CapReached, Run, Spend
from shared.tenants import Limits as Allowed
from shared.track import OPEN, TRACKS, USAGE, Status
from shared.vault import Vault
from tests.support.api import GOOD, MAIN_KEY, SECRET, Api, failed, refused
from tests.support.keyed import SESSION_KEY, Keyed
from tests.support.messages import completed_event
from tests.support.streams import serving
from tests.support.tracks import SOURCE, TIMING, Outbox, asked, new_track

FULL = int(os.environ.get("RACES", "4")) >= 50
SUBMITS, QUOTES = (1000, 100) if FULL else (300, 30)
QUOTE = 0.06
NOON = time(12)
THREADS = 24
ENDINGS = [Status.FAILED, Status.CANCELLED, Status.EXPIRED]


@pytest.fixture
def keyed(public_api: Api) -> Keyed:
    return Keyed(public_api)


def tenant() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


def submitted(client: FlaskClient, key: str = "", **changes: Any) -> TestResponse:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/v1/tracks", json=GOOD | changes, headers=headers)


def statuses(answers: list[TestResponse]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def all_at_once(clients: list[FlaskClient], count: int) -> list[TestResponse]:
    gate = threading.Barrier(THREADS)

    def one(number: int) -> TestResponse:
        if number < THREADS:
            gate.wait()
        return submitted(clients[number % len(clients)])

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(count)))


def tracks_of(api: Api, name: str) -> int:
    return api.store.count(TRACKS, {"tenant": name})


@pytest.mark.parametrize("instances", [1, 3])
def test_parallel_submits_use_the_cap_and_never_more(public_api: Api, instances: int) -> None:
    name, apps = tenant(), [Keyed(public_api) for _ in range(instances)]
    key = apps[0].key(name, daily_cap_usd=QUOTES * QUOTE)
    answers = all_at_once([app.client(key) for app in apps], SUBMITS)
    accepted = [answer for answer in answers if answer.status_code == 202]
    assert 0.95 * QUOTES <= len(accepted) <= QUOTES
    assert tracks_of(public_api, name) == len(accepted)
    for answer in answers:
        if answer not in accepted:
            refused(answer, 429, "spend_cap_reached")


def test_a_refusal_says_when_and_what_helps(keyed: Keyed) -> None:
    client = keyed.client(keyed.key(tenant(), daily_cap_usd=0.1))
    assert submitted(client).status_code == 202
    answer = submitted(client)
    body = refused(answer, 429, "spend_cap_reached")
    assert "0.06" in body["detail"]
    assert "0.10" in body["cure"]
    assert "/v1/usage" in body["cure"]
    assert 0 < int(answer.headers["Retry-After"]) <= 24 * 3600


def test_one_key_at_once_debits_once(public_api: Api, keyed: Keyed) -> None:
    name = tenant()
    client = keyed.client(keyed.key(name, daily_cap_usd=QUOTE))
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda _: submitted(client, "k"), range(40)))
    assert statuses(answers) == [202] * 40
    assert len({answer.text for answer in answers}) == 1
    assert tracks_of(public_api, name) == 1


def test_a_race_between_instances_debits_once(public_api: Api) -> None:
    name, apps = tenant(), [Keyed(public_api) for _ in range(3)]
    key = apps[0].key(name, daily_cap_usd=10 * QUOTE)
    clients = [app.client(key) for app in apps]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda n: submitted(clients[n % 3], "k"), range(40)))
    assert statuses(answers) == [202] * 40
    # Whatever the losers took is theirs to spend again: each is asked until it has nothing left.
    for client in clients:
        while submitted(client).status_code == 202:
            pass
    assert tracks_of(public_api, name) == 10


def test_a_replay_is_never_refused(keyed: Keyed) -> None:
    client = keyed.client(keyed.key(tenant(), daily_cap_usd=QUOTE, open_tracks=1))
    first = submitted(client, "k")
    assert submitted(client).status_code == 429
    again = submitted(client, "k")
    assert (again.status_code, again.text) == (202, first.text)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_what_is_refused_for_another_reason_costs_nothing(keyed: Keyed) -> None:
    client = keyed.client(keyed.key(tenant(), daily_cap_usd=QUOTE))
    for _ in range(3):
        refused(submitted(client, max_cost_usd=0.01), 400, "max_cost_exceeded")
        assert submitted(client, prompt="x").status_code == 400
    first = submitted(client, "k")
    assert first.status_code == 202
    assert submitted(client, "k", prompt="another prompt").status_code == 422
    assert submitted(client).status_code == 429


class LosingStore(FirestoreStore):
    """The real store; replies to its commits are lost after these have happened."""

    lost = 0

    def commit(self, *writes: Any) -> datetime:
        super().commit(*writes)
        self.lost += 1
        raise CommitUnclear("lost")


def ended(store: FirestoreStore, request_id: str, status: Status, nonce: str = "") -> None:
    ending = failed() if status is Status.FAILED else Ending(status)
    nonce = nonce or uuid.uuid4().hex
    done = end(store, request_id, lambda *_: ending, nonce=nonce, source=SOURCE, timing=TIMING)
    assert done == status


@pytest.mark.parametrize("status", ENDINGS)
def test_what_was_not_billed_comes_back_once(public_api: Api, keyed: Keyed, status: Status) -> None:
    client = keyed.client(keyed.key(tenant(), daily_cap_usd=2 * QUOTE))
    ids = [submitted(client).json["request_id"] for _ in range(2)]  # type: ignore[index]  # 202
    assert submitted(client).status_code == 429
    with closing(LosingStore(public_api.project)) as losing:
        ended(losing, ids[0], status, "n")
        assert losing.lost
        ended(losing, ids[0], status, "n")  # repeated: it finds its own ending
    assert statuses([submitted(client) for _ in range(3)]) == [202, 429, 429]


def test_what_was_billed_does_not_come_back(public_api: Api, keyed: Keyed) -> None:
    client = keyed.client(keyed.key(tenant(), daily_cap_usd=2 * QUOTE))
    ids = [submitted(client).json["request_id"] for _ in range(2)]  # type: ignore[index]  # 202
    for request_id, cost in zip(ids, (QUOTE, QUOTE / 2), strict=True):
        result = completed_event().result[0].model_copy(update={"cost_usd": cost})
        public_api.end(request_id, Ending(Status.COMPLETED, result=result))
        track = public_api.document(request_id).value
        assert track
        row = public_api.store.get(USAGE, track.usage_id()).value
        assert row
        assert (row.billed, row.credit) == (round(cost * UNIT), round((QUOTE - cost) * UNIT))
    assert submitted(client).status_code == 429, "half a quote is not enough"


def test_a_retry_debits_again(public_api: Api, keyed: Keyed) -> None:
    client = keyed.client(keyed.key(tenant(), daily_cap_usd=2 * QUOTE))
    request_id = (submitted(client).json or {})["request_id"]
    for _ in range(3):
        ended(public_api.store, request_id, Status.FAILED)
        again = client.post(f"/v1/tracks/{request_id}/retry")
        assert (again.status_code, again.json and again.json["quote_usd"]) == (202, QUOTE)
    ended(public_api.store, request_id, Status.FAILED)
    assert [submitted(client).status_code for _ in range(3)] == [202, 202, 429]
    refused(client.post(f"/v1/tracks/{request_id}/retry"), 429, "spend_cap_reached")
    assert client.get(f"/v1/tracks/{request_id}").json["status"] == "failed"  # type: ignore[index]  # 200


def test_racing_retries_debit_once(public_api: Api, keyed: Keyed) -> None:
    client = keyed.client(keyed.key(tenant(), daily_cap_usd=3 * QUOTE))
    request_id = (submitted(client).json or {})["request_id"]
    ended(public_api.store, request_id, Status.EXPIRED)
    with ThreadPoolExecutor(8) as pool:
        path = f"/v1/tracks/{request_id}/retry"
        answers = list(pool.map(lambda _: client.post(path), range(8)))
    assert set(statuses(answers)) <= {202, 409, 429}
    assert statuses(answers).count(202) == 1
    assert statuses([submitted(client) for _ in range(3)]) == [202, 202, 429]


def test_the_first_contract_has_its_tenants_cap(public_api: Api) -> None:
    name = tenant()
    keyed = Keyed(public_api, legacy_api_tenant=name)
    keyed.key(name, daily_cap_usd=QUOTE, requests_per_minute=60)
    client = keyed.client()
    first = client.post("/", json=GOOD)
    assert first.status_code == 200
    assert first.headers["RateLimit-Policy"] == '"requests";q=60;w=60'
    answer = client.post("/", json=GOOD)
    assert (answer.status_code, list(answer.json or {})) == (429, ["error"])
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(("how", "lost"), [("term", range(1)), ("kill", range(33))])
def test_an_instance_that_ends_gives_the_rest_of_its_block_back(
    public_api: Api, keyed: Keyed, tmp_path: Path, how: str, lost: range
) -> None:
    name, cap = tenant(), 1000
    key = keyed.key(name, daily_cap_usd=cap * QUOTE)
    auth = {"API_AUTH": "on", "SESSION_KEYS": SESSION_KEY}
    with serving(public_api, tmp_path, **auth) as instance, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key.text}"
        # Blocks are 1, 1, 2, 4, 8, 16 and 32 quotes.
        for _ in range(33):
            assert session.post(f"{instance.url}/v1/tracks", json=GOOD).status_code == 202
        if how == "term":
            instance.terminate()
            instance.ended()
        else:
            instance.process.kill()
    day = datetime.now(UTC).date().isoformat()
    level = public_api.store.get(ALLOWANCES, f"spend-{name}-{day}").value
    assert level
    assert cap - 33 - level.left / (QUOTE * UNIT) in lost


# Spend itself.


class Calendar(StoreClock):
    """The store's clock, so far ahead."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


@pytest.fixture
def store(project: str) -> Iterator[FirestoreStore]:
    with closing(FirestoreStore(project)) as store:
        store.clock = Calendar()
        store.get(TRACKS, "none")
        noon = datetime.combine(store.clock.now().date(), NOON, UTC)
        ahead(store, noon - store.clock.now())
        yield store


def ahead(store: FirestoreStore, by: timedelta) -> None:
    assert isinstance(store.clock, Calendar)
    store.clock.ahead += by


def taken(spend: Spend, cap: float, most: int = 10_000) -> int:
    """How many quotes can still be taken, at most *most*."""
    for count in range(most):
        try:
            spend.debit("acme", cap, QUOTE)
        except CapReached:
            return count
    return most


def run(request_id: str, nonce: str = "n", number: int = 1) -> Run:
    return Run(request_id=request_id, number=number, nonce=nonce)


def test_a_cap_of_nothing_and_no_cap(store: FirestoreStore) -> None:
    spend = Spend(store)
    with pytest.raises(CapReached) as caught:
        spend.debit("acme", 0, QUOTE)
    assert 0 < caught.value.wait <= 24 * 3600
    free = spend.debit("acme", None, QUOTE)
    assert (free.capped, free.quote, free.credit(0)) == (False, 60_000, 0)


def test_a_cap_can_be_changed_during_the_day(store: FirestoreStore) -> None:
    spend = Spend(store)
    assert taken(spend, 2 * QUOTE) == 2
    assert taken(spend, 3 * QUOTE) == 1
    assert taken(spend, QUOTE) == 0
    assert taken(spend, 3 * QUOTE) == 0
    assert taken(Spend(store), 5 * QUOTE) == 2


def test_a_new_day_has_a_new_cap_and_no_credit_of_the_old(store: FirestoreStore) -> None:
    spend = Spend(store)
    yesterday = spend.debit("acme", QUOTE, QUOTE)
    assert taken(spend, QUOTE) == 0
    ahead(store, timedelta(days=1))
    assert taken(spend, QUOTE) == 1
    track = new_track(store)
    debited = replace(track, tenant="acme", debit=yesterday)
    store.commit(Create(TRACKS, track.request_id, debited))
    ended(store, track.request_id, Status.CANCELLED)
    row = store.get(USAGE, track.usage_id()).value
    assert row
    assert (row.day, row.credit, row.billed) == (yesterday.day, 60_000, 0)
    assert taken(spend, QUOTE) == 0
    ahead(store, timedelta(days=-1))
    assert taken(spend, QUOTE) == 1


def test_an_ending_instance_loses_nothing_and_a_death_one_block(store: FirestoreStore) -> None:
    cap = 1000 * QUOTE
    dying, ending = Spend(store), Spend(store)
    assert taken(dying, cap, 50) == taken(ending, cap, 50) == 50
    ending.give_back()
    left = taken(Spend(store), cap)
    assert 900 - 32 <= left < 900


def test_a_doubtful_debit_comes_back_unless_its_run_is_there(store: FirestoreStore) -> None:
    spend = Spend(store)
    track = new_track(store)
    store.commit(Create(TRACKS, track.request_id, track))
    for request_id, nonce in ((track.request_id, track.run_nonce), ("gone", "n")):
        debit = spend.debit("acme", 2 * QUOTE, QUOTE)
        spend.doubt("acme", debit, run(request_id, nonce))
    assert taken(spend, 2 * QUOTE) == 0, "too early to tell"
    ahead(store, timedelta(seconds=61))
    assert [taken(spend, 2 * QUOTE, 1), taken(spend, 2 * QUOTE, 1)] == [0, 1]
    assert taken(spend, 2 * QUOTE) == 0


class LeavingStore(FirestoreStore):
    """The real store; it goes away with the reply to its next commit of a track."""

    leaves = away = False

    def get(self, collection: Collection[T], doc_id: str) -> Snapshot[T]:
        if self.away:
            raise StoreUnavailable("away")
        return super().get(collection, doc_id)

    def commit(self, *writes: Any) -> datetime:
        time = super().commit(*writes)
        if self.leaves and writes[0].collection is TRACKS:
            self.away = True
            raise CommitUnclear("lost")
        return time


def test_a_submit_whose_commit_is_in_doubt_stays_debited_if_it_is_there(project: str) -> None:
    with closing(LeavingStore(project)) as store:
        store.clock = Calendar()
        outbox = Outbox()
        tracks = Tracks(store=store, requests=outbox, events=outbox, progress=outbox, timing=TIMING)
        secrets = Secrets(store=store, vault=Vault(MAIN_KEY), default=SECRET)
        limits = Limits(tracks, store, secrets)
        who = Caller("local", Allowed(daily_cap_usd=2 * QUOTE))
        store.leaves = True
        with pytest.raises(StoreUnavailable):
            limits.submit(who, asked(), lambda _: None)
        store.leaves = store.away = False
        assert store.count(TRACKS, {"tenant": "local"}) == 1
        ahead(store, timedelta(seconds=61))
        limits.submit(who, asked(), lambda _: None)
        with pytest.raises(Exception, match="more than is left"):
            limits.submit(who, asked(), lambda _: None)


class GapStore(FirestoreStore):
    """The real store; the reply to its next commit of a track is lost, after something happens."""

    meanwhile: Callable[[], object] | None = None

    def commit(self, *writes: Any) -> datetime:
        time = super().commit(*writes)
        if self.meanwhile is not None and writes[0].collection is TRACKS:
            happens, self.meanwhile = self.meanwhile, None
            happens()
            raise CommitUnclear("lost")
        return time


def failed_run(store: FirestoreStore, request_id: str) -> None:
    ended(store, request_id, Status.FAILED)


@pytest.mark.parametrize("how", ["erased", "retried", "submitted and retried"])
def test_a_debit_of_a_run_that_is_over_before_its_maker_looks_is_not_undone(
    project: str, how: str
) -> None:
    cap = Caller("local", Allowed(daily_cap_usd=4 * QUOTE))
    with closing(GapStore(project)) as store:
        store.get(TRACKS, "none")
        outbox = Outbox()
        tracks = Tracks(store=store, requests=outbox, events=outbox, progress=outbox, timing=TIMING)
        secrets = Secrets(store=store, vault=Vault(MAIN_KEY), default=SECRET)
        limits, other = Limits(tracks, store, secrets), Limits(tracks, store, secrets)
        request_id = str(keyed_id("local", "k"))

        def again() -> None:
            failed_run(store, request_id)
            other.retry(cap, request_id)

        def erase() -> None:
            tracks.cancel("local", request_id)
            Erasing(store=store, requests=outbox, timing=TIMING).erase("local", request_id)

        if how == "retried":
            limits.submit(cap, asked("k"), lambda _: None)
            failed_run(store, request_id)
        store.meanwhile = erase if how == "erased" else again
        with suppress(WasErased, NotRetryable):
            if how == "retried":
                limits.retry(cap, request_id)
            else:
                limits.submit(cap, asked("k"), lambda _: None)
        with suppress(Problem):
            while True:
                limits.submit(cap, asked(), lambda _: None)
        assert store.count(TRACKS, {"tenant": "local", "status": OPEN}) == 4
