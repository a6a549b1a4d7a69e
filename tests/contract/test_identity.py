"""Who may call: keys, what they are stored as, how soon a change holds, what is closed."""

import json
import logging
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from flask import Flask, g
from google.cloud import firestore
from pydantic import ValidationError
from werkzeug.routing import Rule

from services.ingest.config import LOCAL_TENANT
from services.ingest.identity import admin
from services.ingest.identity.callers import caller, is_public, origin_allowed
from services.ingest.identity.keys import new_key
from shared.errors import CommitUnclear
from shared.gcp.firestore import FirestoreStore
from shared.ports import Collection, Delete
from shared.tenants import KEY_OWNERS, TENANTS, Limits, NoSuchKey, TooManyKeys
from tests.support.api import BASE, GOOD, Api, refused
from tests.support.keyed import SESSION_KEY, Keyed
from tests.support.waiting import wait_for

NOWHERE = "00000000-0000-4000-8000-000000000000"
LIST = "/v1/webhooks/secrets"
HERE = "https://app.example"


@pytest.fixture(scope="module")
def keyed(public_api: Api) -> Keyed:
    """Ingest that asks for keys."""
    return Keyed(public_api)


@pytest.fixture
def name() -> str:
    """A tenant of this test's own."""
    return f"t-{secrets.token_hex(4)}"


def calls(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Each route with a method of it and a path; the arguments are of the right shape."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]*_id>", NOWHERE, rule.rule)
        path = re.sub(r"<[^>]*>", "wav", path)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, path


def test_every_route_is_listed_as_public_or_closed(keyed: Keyed) -> None:
    closed = 0
    for rule, method, path in calls(keyed.app):
        answer = keyed.client().open(path, method=method)
        if is_public(rule.rule):
            assert not path.startswith("/v1/")
            assert answer.status_code != 401, path
        else:
            refused(answer, 401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            closed += 1
    assert closed > 20


def test_a_route_of_tomorrow_is_closed(public_api: Api, name: str) -> None:
    keyed = Keyed(public_api)
    keyed.app.add_url_rule("/v1/new", view_func=lambda: caller().tenant)
    refused(keyed.client().get("/v1/new"), 401, "unauthenticated")
    assert keyed.client(keyed.key(name)).get("/v1/new").text == name


@pytest.mark.parametrize("path", ["/nowhere", "/v1", "/v1/nowhere"])
def test_what_is_not_there_asks_for_no_key(keyed: Keyed, path: str) -> None:
    refused(keyed.client().get(path), 404, "not_found")


def test_a_preflight_asks_for_no_key_and_lets_one_through(public_api: Api) -> None:
    client = Keyed(public_api, cors_origins=HERE).client()
    asked = {"Origin": HERE, "Access-Control-Request-Method": "POST"}
    answer = client.options("/v1/tracks", headers=asked)
    assert answer.status_code == 204
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"Authorization", "Last-Event-ID"} <= set(allowed)
    assert "Access-Control-Allow-Credentials" not in answer.headers
    shown = client.post("/v1/tracks", json=GOOD, headers={"Origin": HERE})
    refused(shown, 401, "unauthenticated")
    assert shown.headers["Access-Control-Allow-Origin"] == HERE
    exposed = shown.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER   {}"])
def test_a_key_is_its_tenants(keyed: Keyed, name: str, header: str) -> None:
    sent = {"Authorization": header.format(keyed.key(name).text)}
    answer = keyed.client().post("/v1/tracks", json=GOOD, headers=sent)
    track = keyed.api.document(answer.get_json()["request_id"]).value
    assert track
    assert track.tenant == name


def test_both_keys_are_good_and_each_tells_its_tenants_limits(keyed: Keyed, name: str) -> None:
    first = keyed.key(name, requests_per_minute=7)
    second = keyed.key(name, daily_cap_usd=1.5)
    limits = Limits(requests_per_minute=7, daily_cap_usd=1.5)
    for key in (first, second):
        with keyed.client(key) as client:
            assert client.get(LIST).status_code == 200
            assert (caller().tenant, caller().key_id) == (name, key.key_id)
    assert caller_limits(Keyed(keyed.api), first) == limits


def caller_limits(keyed: Keyed, key: Any) -> Limits:
    with keyed.client(key) as client:
        client.get(LIST)
        return caller().limits


FORGED = [
    "",
    " ",
    "Bearer",
    "Bearer ",
    "Bearer  ",
    "{key}",
    "Basic {key}",
    "Token {key}",
    "Bearer: {key}",
    "Bearer\t{key}",
    "Bearer={key}",
    "Bearer {key} {key}",
    "Bearer {key},Bearer {key}",
    "Bearer {key}, Bearer {key}",
    "Bearer {key}x",
    "Bearer {short}",
    "Bearer {upper}",
    "Bearer {other_env}",
    "Bearer {other_id}",
    "Bearer {other_secret}",
    "Bearer {unknown}",
    "Bearer {revoked}",
    'Bearer "{key}"',
    "Bearer {key}\xe9",
    "Bearer \xff\xfe",
    "Bearer null",
    "Bearer mk",
    "Bearer mk_",
    "Bearer mk____",
    "Bearer mk_live_{id}",
    "Bearer mk_live_{id}_",
    "Bearer mk_live_../../{id}_" + "a" * 52,
    "Bearer mk_live_" + "0" * 16 + "_" + "a" * 52,
    "Bearer " + "a" * 7000,
    "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb2NhbCJ9.",
    "Negotiate {key}",
]


@pytest.fixture(scope="module")
def pieces(keyed: Keyed) -> dict[str, str]:
    """A good key, and what is nearly one."""
    key, revoked, unknown, neighbour = (
        *(keyed.key("forged"), keyed.key("forged")),
        *(new_key("test"), keyed.key("neighbour")),
    )
    keyed.registry.revoke(revoked.key_id)
    _, _, _, secret = key.text.split("_")
    return {
        "key": key.text,
        "id": key.key_id,
        "short": key.text[:-1],
        "upper": key.text.upper(),
        "other_env": key.text.replace("test", "live"),
        "other_id": f"mk_test_{neighbour.key_id}_{secret}",
        "other_secret": f"mk_test_{key.key_id}_{unknown.text.split('_')[3]}",
        "unknown": unknown.text,
        "revoked": revoked.text,
    }


@pytest.mark.parametrize("header", FORGED, ids=range(len(FORGED)))
def test_every_other_header_gets_the_same_answer(
    keyed: Keyed, pieces: dict[str, str], header: str
) -> None:
    sent = {"Authorization": header.format(**pieces)}
    answer = keyed.client().get(LIST, headers=sent)
    body = refused(answer, 401, "unauthenticated")
    none = refused(keyed.client().get(LIST), 401, "unauthenticated")
    assert body | {"request_id": ""} == none | {"request_id": ""}
    assert (
        keyed.client().get(LIST, headers={"Authorization": f"Bearer {pieces['key']}"}).status_code
        == 200
    )


@pytest.mark.parametrize("place", ["query", "body", "cookie", "other header"])
def test_a_key_counts_in_its_header_only(keyed: Keyed, name: str, place: str) -> None:
    text = keyed.key(name).text
    client = keyed.client()
    client.set_cookie("Authorization", f"Bearer {text}")
    client.set_cookie("motif_session", text)
    answer = client.post(
        f"{LIST}?key={text}&access_token={text}",
        json={"key": text},
        headers={"X-Api-Key": text, "Proxy-Authorization": f"Bearer {text}"},
    )
    refused(answer, 401, "unauthenticated")


def test_a_revoked_key_opens_nothing_as_soon_as_it_may_have_been_forgotten(
    public_api: Api, name: str
) -> None:
    keyed = Keyed(public_api, time_scale=0.01)  # 0.3 s
    key, other = keyed.key(name), keyed.key(name)
    client = keyed.client(key)
    assert client.get(LIST).status_code == 200
    keyed.registry.revoke(key.key_id)
    refused(Keyed(public_api).client(key).get(LIST), 401, "unauthenticated")
    wait_for(lambda: client.get(LIST).status_code == 401)
    assert keyed.client(other).get(LIST).status_code == 200


def test_a_key_whose_document_was_deleted_in_haste_can_still_be_revoked(
    public_api: Api, name: str
) -> None:
    keyed = Keyed(public_api)
    key, other = keyed.key(name), keyed.key(name)
    owner = public_api.store.get(KEY_OWNERS, key.key_id)
    assert owner.version
    public_api.store.commit(Delete(KEY_OWNERS, key.key_id, owner.version))
    refused(keyed.client(key).get(LIST), 401, "unauthenticated")

    tenant = keyed.registry.revoke(key.key_id)

    assert [one.key_id for one in tenant.keys if one.live] == [other.key_id]
    with pytest.raises(NoSuchKey):
        keyed.registry.revoke("0" * 16)


def test_a_key_is_looked_up_once_and_so_is_one_that_is_none(
    public_api: Api, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed = Keyed(public_api)
    key, unknown = keyed.key(name), new_key("test")
    read: list[str] = []
    get = FirestoreStore.get

    def counted(store: FirestoreStore, collection: Collection[Any], doc_id: str) -> Any:
        read.append(collection.name)
        return get(store, collection, doc_id)

    monkeypatch.setattr(FirestoreStore, "get", counted)
    for _ in range(5):
        assert keyed.client(key).get(LIST).status_code == 200
        refused(keyed.client(unknown).get(LIST), 401, "unauthenticated")
        refused(keyed.client().get(LIST), 401, "unauthenticated")
    assert (read.count(KEY_OWNERS.name), read.count(TENANTS.name)) == (2, 1)


def test_without_firestore_nobody_is_let_in_or_called_a_stranger(
    public_api: Api, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Keyed(public_api).key(name)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setattr(FirestoreStore.__init__, "__kwdefaults__", {"timeout": 0.3})
    away = Keyed.__new__(Keyed)
    away.app = public_api.make(api_auth="on", session_keys=SESSION_KEY)
    for one in (key, new_key("test")):
        answer = away.client(one).get(LIST)
        refused(answer, 503, "store_unavailable")
        assert answer.headers["Retry-After"]


def test_what_is_stored_gives_no_key_away(keyed: Keyed, name: str) -> None:
    key = keyed.key(name)
    with closing(firestore.Client(project=keyed.api.project)) as client:
        stored = str(
            [
                one.to_dict()
                for of in (TENANTS, KEY_OWNERS)
                for one in client.collection(of.name).stream()
            ]
        )
    assert key.key_id in stored
    assert key.text.split("_")[3] not in stored


def test_a_third_key_is_refused_however_many_ask_at_once(keyed: Keyed, name: str) -> None:
    def ask(_: int) -> bool:
        try:
            keyed.key(name)
        except TooManyKeys:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(ask, range(8)))
    found = keyed.api.store.get(TENANTS, name).value
    assert found
    assert (sum(made), len(found.keys)) == (2, 2)


def test_a_lost_reply_makes_one_key(
    keyed: Keyed, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = FirestoreStore.commit
    lost: list[Any] = []

    def replying_badly(store: FirestoreStore, *writes: Any) -> Any:
        done = commit(store, *writes)
        if not lost:
            lost.append(done)
            raise CommitUnclear("ServiceUnavailable")
        return done

    monkeypatch.setattr(FirestoreStore, "commit", replying_badly)
    key = keyed.key(name)
    assert lost
    assert keyed.client(key).get(LIST).status_code == 200
    found = keyed.api.store.get(TENANTS, name).value
    assert found
    assert [one.key_id for one in found.keys] == [key.key_id]


class Command:
    """The operator's command in one project; what it printed."""

    def __init__(self, project: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._project = project
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        admin.main(["--project", self._project, *arguments])
        return self._capsys.readouterr().out.strip()

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*arguments).splitlines()]

    def fails(self, *arguments: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            self(*arguments)
        said = f"{stopped.value.code}{self._capsys.readouterr().err}"
        assert stopped.value.code
        return said


@pytest.fixture
def command(public_api: Api, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(public_api.project, capsys)


def test_the_command_makes_lists_and_revokes(public_api: Api, command: Command, name: str) -> None:
    text = command("keys", "create", "--tenant", name, "--env", "prod", "--open-tracks", "3")
    assert text.startswith("mk_prod_")
    second = command("keys", "create", "--tenant", name)
    assert second.startswith("mk_live_")
    rows = command.rows("keys", "list", "--tenant", name)
    key_id = text.split("_")[2]
    assert [row["id"] for row in rows] == [second.split("_")[2], key_id]
    assert rows[0].keys() == {"id", "tenant", "live", "created_at", "revoked_at"}
    (shown,) = [row for row in command.rows("tenants", "list") if row["tenant"] == name]
    assert (shown["open_tracks"], shown["requests_per_minute"]) == (3, None)
    assert set(shown["live_keys"]) == {row["id"] for row in rows}

    said = command.fails("keys", "create", "--tenant", name)
    assert "keys revoke" in said

    (row,) = command.rows("keys", "revoke", key_id)
    assert row["live"] is False
    assert command.rows("keys", "revoke", key_id) == [row]
    keyed = Keyed(public_api)
    for key, status in ((text, 401), (second, 200)):
        header = {"Authorization": f"Bearer {key}"}
        assert keyed.client().get(LIST, headers=header).status_code == status


def test_the_command_sets_and_lifts_limits(command: Command, name: str) -> None:
    set_ = ("tenants", "set", name)
    (row,) = command.rows(*set_, "--daily-cap-usd", "2.5", "--requests-per-minute", "60")
    assert (row["daily_cap_usd"], row["requests_per_minute"], row["open_tracks"]) == (2.5, 60, None)
    (row,) = command.rows(*set_, "--daily-cap-usd", "none", "--open-tracks", "0")
    assert (row["daily_cap_usd"], row["requests_per_minute"], row["open_tracks"]) == (None, 60, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "create"),
        ("keys", "create", "--tenant", "Acme"),
        ("keys", "create", "--tenant", "../x"),
        ("keys", "create", "--tenant", "-x"),
        ("keys", "create", "--tenant", "a" * 64),
        ("keys", "create", "--tenant", "a", "--env", "LIVE"),
        ("keys", "create", "--tenant", "a", "--env", "a_b"),
        ("keys", "revoke", "0" * 16),
        ("keys", "revoke", "a/b"),
        ("tenants", "set", "a", "--requests-per-minute", "0"),
        ("tenants", "set", "a", "--open-tracks", "-1"),
        ("tenants", "set", "a", "--open-tracks", "1.5"),
        ("tenants", "set", "a", "--daily-cap-usd", "nan"),
        ("tenants", "set", "a", "--daily-cap-usd", "inf"),
        ("tenants", "set", "a", "--daily-cap-usd", "-1"),
        ("keys",),
        (),
    ],
)
def test_the_command_refuses_what_it_does_not_understand(
    command: Command, arguments: tuple[str, ...]
) -> None:
    assert command.fails(*arguments)
    assert all(row["tenant"] not in ("a", "Acme") for row in command.rows("tenants", "list"))


def test_without_keys_everybody_is_the_local_tenant_with_its_limits(public_api: Api) -> None:
    keyed = Keyed(public_api)
    with public_api.make().test_client() as client:
        client.get(LIST, headers={"Authorization": "Bearer nonsense"})
        assert (caller().tenant, caller().limits) == (LOCAL_TENANT, Limits())
    keyed.registry.limit(LOCAL_TENANT, {"open_tracks": 5})
    with public_api.make().test_client() as client:
        client.get(LIST)
        assert caller().limits == Limits(open_tracks=5)
    keyed.registry.limit(LOCAL_TENANT, {"open_tracks": None})


def test_the_first_services_route_needs_no_key_and_is_its_tenants(
    public_api: Api, name: str
) -> None:
    keyed = Keyed(public_api, legacy_api_tenant=name)
    keyed.registry.limit(name, {"requests_per_minute": 9})
    with keyed.client() as client:
        answer = client.post("/", json={"prompt": GOOD["prompt"]})
        assert answer.status_code == 200
        assert caller().limits == Limits(requests_per_minute=9)
        assert g.caller.key_id == ""
    track = public_api.document(answer.get_json()["request_id"]).value
    assert track
    assert track.tenant == name


@pytest.mark.parametrize(
    ("origin", "listed", "allowed"),
    [
        (None, "", True),
        (BASE, "", True),
        (HERE, HERE, True),
        (HERE, "*", True),
        (HERE, "", False),
        ("null", "", False),
        ("", "", False),
        (f"{BASE}.evil.example", "", False),
        (BASE.replace("https", "http"), "", False),
        (f"{BASE}:444", "", False),
    ],
)
def test_a_websocket_comes_from_a_page_that_may(
    public_api: Api, origin: str | None, listed: str, allowed: bool
) -> None:
    app = Keyed(public_api, cors_origins=listed).app
    headers = {} if origin is None else {"Origin": origin}
    with app.test_request_context("/startup", headers=headers):
        app.preprocess_request()
        assert origin_allowed() is allowed


def test_on_one_machine_both_of_its_names_are_ours(public_api: Api) -> None:
    app = Keyed(public_api, public_url="http://127.0.0.1:8080").app
    for origin, allowed in (
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://localhost:8081", False),
        ("https://localhost:8080", False),
    ):
        headers = {"Origin": origin, "Host": "localhost:8080"}
        with app.test_request_context("/startup", headers=headers):
            app.preprocess_request()
            assert origin_allowed() is allowed, origin


def test_in_the_cloud_sessions_need_their_keys(public_api: Api) -> None:
    with pytest.raises(ValidationError, match="SESSION_KEYS"):
        public_api.settings(k_service="ingest", api_auth="on")
    public_api.settings(k_service="ingest", api_auth="on", session_keys=SESSION_KEY)
    with pytest.raises(ValidationError) as told:
        public_api.settings(session_keys="not-a-key-but-secret")
    assert "not-a-key-but-secret" not in str(told.value)


@pytest.mark.parametrize("tenant", ["Shop", "a/b", ".", "__x__", "a" * 64])
def test_a_tenant_that_no_document_can_name_is_refused(public_api: Api, tenant: str) -> None:
    with pytest.raises(ValidationError, match="legacy_api_tenant"):
        public_api.settings(legacy_api_tenant=tenant)


def test_nothing_of_a_key_is_logged(
    public_api: Api, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        keyed = Keyed(public_api)
        key = keyed.key(name)
        client = keyed.client(key)
        assert client.get(LIST).status_code == 200
        assert client.post("/v1/tracks", json={}).status_code == 400
        keyed.client(new_key("test")).get(LIST)
        keyed.client().post("/studio/session", json={"key": key.text})
        keyed.client().post("/studio/session", json={"key": [key.text]})
        keyed.registry.revoke(key.key_id)
        Keyed(public_api).client(key).get(LIST)
    said = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert key.text.split("_")[3] not in said
