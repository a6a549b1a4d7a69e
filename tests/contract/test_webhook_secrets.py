"""The secrets that sign webhooks: their API, what it stores, and what the notifier makes of it."""

import base64
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.cloud import firestore
from standardwebhooks import Webhook, WebhookVerificationError
from werkzeug.test import TestResponse

from services.ingest.config import LOCAL_TENANT
from services.ingest.webhooks.secrets import Secrets
from services.notifier import signing
from services.notifier.signing import Signer
from shared.errors import CommitUnclear, RetryableError
from shared.gcp.firestore import FirestoreStore
from shared.logs import CloudFormatter
from shared.ports import Create, Write
from shared.rings import PUBLIC_KEYS, RINGS, Kind, PublicKey, SecretRing
from shared.vault import Vault
from tests.support.api import GOOD, MAIN_KEY, SECRET, Api, api, refused

OWN = "/v1/webhooks/secrets"
KEYS = "/.well-known/webhook-keys"
CALLBACK = {"callback_url": "https://receiver.example/hook"}
BODY = b'{"type":"webhook.test"}'


@pytest.fixture
def ours(emulators: object, storage_url: str) -> Iterator[Api]:
    """Ingest in a project of this test's own: its tenant has no secret yet."""
    with api(storage_url) as made:
        yield made


@pytest.fixture
def signer(ours: Api) -> Signer:
    """The notifier's view of the same project."""
    return Signer(store=ours.store, vault=Vault(MAIN_KEY))


def create(ours: Api, path: str = OWN, /, **fields: Any) -> dict[str, Any]:
    answer = ours.client.post(path, json=fields)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return dict(answer.get_json())


def rotate(ours: Api, **fields: Any) -> dict[str, Any]:
    return create(ours, f"{OWN}/rotate", **fields)


def listed(ours: Api) -> list[dict[str, Any]]:
    answer = ours.client.get(OWN)
    assert answer.status_code == 200
    return list(answer.get_json()["secrets"])


def live(ours: Api) -> list[str]:
    return [one["id"] for one in listed(ours) if one["live"]]


def signed(signer: Signer, tenant: str = LOCAL_TENANT) -> dict[str, str]:
    return signing.headers(signer.keys(tenant), "msg_1", int(time.time()), BODY)


def convinced(made: dict[str, Any], headers: dict[str, str]) -> bool:
    """Whether the holder of what an answer showed takes these headers for ours."""
    if made["kind"] == "v1":
        try:
            Webhook(made["secret"]).verify(BODY, headers)
        except WebhookVerificationError:
            return False
        return True
    text = f"msg_1.{headers['webhook-timestamp']}.".encode() + BODY
    raw = base64.b64decode(made["public_key"].removeprefix("whpk_"))
    entries = [one.split(",") for one in headers["webhook-signature"].split(" ")]
    return any(_verifies(raw, entry, text) for scheme, entry in entries if scheme == "v1a")


def _verifies(raw: bytes, entry: str, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(entry), text)
    except InvalidSignature:
        return False
    return True


def documents(ours: Api, collection: str) -> dict[str, dict[str, Any]]:
    """What Firestore holds, past all adapters."""
    with closing(firestore.Client(project=ours.project)) as client:
        return {one.id: one.to_dict() or {} for one in client.collection(collection).stream()}


def test_a_secret_is_made_shown_once_and_signs(ours: Api, signer: Signer) -> None:
    made = create(ours)
    assert made.keys() == {"id", "kind", "created_at", "expires_at", "secret"}
    assert (made["kind"], made["expires_at"]) == ("v1", None)
    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"), validate=True)) == 32
    headers = signed(signer)
    assert convinced(made, headers)
    assert " " not in headers["webhook-signature"]
    assert listed(ours) == [
        {name: made[name] for name in ("id", "kind", "created_at", "expires_at")} | {"live": True}
    ]


def test_a_key_pair_shows_its_public_half_only(ours: Api, signer: Signer) -> None:
    made = create(ours, kind="v1a")
    assert made.keys() == {"id", "kind", "created_at", "expires_at", "public_key"}
    assert convinced(made, signed(signer))
    assert [one["public_key"] for one in listed(ours)] == [made["public_key"]]
    answer = ours.client.get(KEYS)
    assert answer.get_json() == {
        "keys": [
            {
                "id": made["id"],
                "kty": "OKP",
                "crv": "Ed25519",
                "public_key": made["public_key"],
                "created_at": made["created_at"],
                "expires_at": None,
            }
        ]
    }
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    (row,) = documents(ours, "webhook_keys").values()
    assert row.keys() == {"key_id", "public_key", "created_at", "expire_at"}
    assert LOCAL_TENANT not in map(str, row.values())


def test_no_body_is_an_empty_one(ours: Api) -> None:
    assert ours.client.post(OWN).get_json()["kind"] == "v1"
    assert ours.client.post(f"{OWN}/rotate").status_code == 201


@pytest.mark.parametrize(
    ("path", "body", "code", "field"),
    [
        (OWN, {"overlap_seconds": 1}, "unknown_field", "overlap_seconds"),
        (OWN, {"kind": "v2"}, "invalid_field", "kind"),
        (OWN, {"kind": None}, "invalid_field", "kind"),
        (OWN, {"kind": ["v1"]}, "invalid_field", "kind"),
        (f"{OWN}/rotate", {"secret": "whsec_"}, "unknown_field", "secret"),
        (f"{OWN}/rotate", {"overlap_seconds": -1}, "invalid_field", "overlap_seconds"),
        (f"{OWN}/rotate", {"overlap_seconds": 604_801}, "invalid_field", "overlap_seconds"),
        (f"{OWN}/rotate", {"overlap_seconds": 1.5}, "invalid_field", "overlap_seconds"),
        (f"{OWN}/rotate", {"overlap_seconds": True}, "invalid_field", "overlap_seconds"),
        (f"{OWN}/rotate", {"overlap_seconds": "60"}, "invalid_field", "overlap_seconds"),
        (f"{OWN}/rotate", {"overlap_seconds": None}, "invalid_field", "overlap_seconds"),
        (f"{OWN}/rotate", {"overlap_seconds": 1e999}, "invalid_field", "overlap_seconds"),
        (OWN, [], "invalid_json", "body"),
    ],
)
def test_what_is_not_understood_changes_nothing(
    public_api: Api, path: str, body: Any, code: str, field: str
) -> None:
    problem = refused(public_api.client.post(path, json=body), 400, code)
    assert problem["field"] == field
    assert problem["cure"].endswith(".")
    assert listed(public_api) == []


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", OWN), ("GET", f"{OWN}/rotate"), ("GET", f"{OWN}/sec_{24 * '0'}")]
)
def test_another_method_is_refused(public_api: Api, method: str, path: str) -> None:
    refused(public_api.client.open(path, method=method), 405, "method_not_allowed")


def test_a_fourth_is_refused(ours: Api, signer: Signer) -> None:
    made = [create(ours, kind=kind) for kind in ("v1", "v1a", "v1")]
    problem = refused(ours.client.post(OWN, json={}), 409, "too_many_secrets")
    assert "DELETE /v1/webhooks/secrets" in problem["cure"]
    assert live(ours) == [one["id"] for one in reversed(made)]
    headers = signed(signer)
    assert all(convinced(one, headers) for one in made)
    schemes = [entry.split(",")[0] for entry in headers["webhook-signature"].split(" ")]
    assert schemes == ["v1", "v1a", "v1"]
    assert convinced(
        made[2], headers | {"webhook-signature": headers["webhook-signature"].split(" ")[0]}
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_both_sign_during_a_rotation_and_the_new_one_after(
    ours: Api, signer: Signer, kind: Kind
) -> None:
    old = create(ours, kind=kind)
    new = rotate(ours, kind=kind, overlap_seconds=2)
    (expiring,) = new["expiring"]
    assert (expiring["id"], new["ended"]) == (old["id"], [])
    until = datetime.fromisoformat(expiring["expires_at"])
    assert until - datetime.fromisoformat(new["created_at"]) == timedelta(seconds=2)
    during = signed(signer)
    assert convinced(new, during)
    assert convinced(old, during)
    assert len(during["webhook-signature"].split(" ")) == 2
    while datetime.now(UTC) < until + timedelta(seconds=0.5):  # store and test share a machine
        time.sleep(0.05)
    after = signed(signer)
    assert convinced(new, after)
    assert not convinced(old, after)
    assert live(ours) == [new["id"]]
    assert documents(ours, "webhook_secrets")[LOCAL_TENANT]["secrets"][0]["sealed"]


def test_a_rotation_overlaps_by_a_day_unless_told(ours: Api) -> None:
    old = create(ours)
    made = rotate(ours)
    at = datetime.fromisoformat(made["created_at"]) + timedelta(days=1)
    assert made["expiring"] == [{"id": old["id"], "expires_at": at.isoformat()}]


def test_those_without_room_end_at_once_and_the_answer_says_so(ours: Api, signer: Signer) -> None:
    made = [create(ours) for _ in range(3)]
    new = rotate(ours, overlap_seconds=604_800)
    assert new["ended"] == [made[0]["id"]]
    assert [one["id"] for one in new["expiring"]] == [made[2]["id"], made[1]["id"]]
    headers = signed(signer)
    assert [convinced(one, headers) for one in (*made, new)] == [False, True, True, True]
    at_once = rotate(ours, overlap_seconds=0)
    assert (at_once["expiring"], len(at_once["ended"])) == ([], 3)
    assert live(ours) == [at_once["id"]]


def test_no_rotation_without_room_beside_the_other_kind(ours: Api) -> None:
    made = [create(ours, kind="v1a")["id"] for _ in range(3)]
    refused(ours.client.post(f"{OWN}/rotate", json={"kind": "v1"}), 409, "too_many_secrets")
    assert live(ours) == made[::-1]


def test_a_deleted_secret_signs_no_more(ours: Api, signer: Signer) -> None:
    first, second = create(ours), create(ours, kind="v1a")
    for _ in range(2):  # whoever lost the answer may ask again
        answer = ours.client.delete(f"{OWN}/{first['id']}")
        assert (answer.status_code, answer.data) == (204, b"")
    headers = signed(signer)
    assert (convinced(first, headers), convinced(second, headers)) == (False, True)
    problem = refused(ours.client.delete(f"{OWN}/{second['id']}"), 409, "last_secret")
    assert "rotate" in problem["cure"]
    assert convinced(second, signed(signer))


@pytest.mark.parametrize("secret_id", ["sec_" + "0" * 24, "sec_", "SEC_x", "..", "sec_%2Fx"])
def test_an_unknown_secret_is_not_found(public_api: Api, secret_id: str) -> None:
    answer = public_api.client.delete(f"{OWN}/{secret_id}")
    assert answer.status_code == 404


def test_a_foreign_secret_is_not_found(ours: Api) -> None:
    create(ours)
    others = Secrets(store=ours.store, vault=Vault(MAIN_KEY))
    foreign = [others.create("other", Kind.V1).secret.secret_id for _ in range(2)]
    refused(ours.client.delete(f"{OWN}/{foreign[0]}"), 404, "no_such_secret")
    assert foreign[0] not in live(ours)
    ring, now = others.ring("other")
    assert [one.secret_id for one in ring.live(now)] == foreign[::-1]


def test_a_race_of_creations_makes_three(ours: Api, signer: Signer) -> None:
    def one(number: int) -> TestResponse:
        kind = "v1a" if number % 2 else "v1"
        return ours.app.test_client().post(OWN, json={"kind": kind})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(16)))
    made = [answer.get_json() for answer in answers if answer.status_code == 201]
    assert (len(made), [a.status_code for a in answers].count(409)) == (3, 13)
    assert sorted(live(ours)) == sorted(one["id"] for one in made)
    headers = signed(signer)
    assert all(convinced(one, headers) for one in made)
    public = {one["public_key"] for one in made if one["kind"] == "v1a"}
    assert {key["public_key"] for key in ours.client.get(KEYS).get_json()["keys"]} == public


def test_a_race_of_rotations_and_deletions_never_leaves_too_many_or_none(ours: Api) -> None:
    first = create(ours)

    def one(number: int) -> int:
        client = ours.app.test_client()
        if number % 3 == 2:
            return client.delete(f"{OWN}/{first['id']}").status_code
        body = {"kind": "v1a" if number % 3 else "v1", "overlap_seconds": 60 * (number % 2)}
        return client.post(f"{OWN}/rotate", json=body).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(one, range(12)))
    assert set(statuses) <= {201, 204, 409}
    assert statuses.count(201) >= 2
    found = [one for one in listed(ours) if one["live"]]
    assert len(found) <= 3
    assert any(one["expires_at"] is None for one in found)


class Lossy(FirestoreStore):
    """Each commit arrives; the answers of the first *lost* do not."""

    def __init__(self, project: str, lost: int) -> None:
        super().__init__(project)
        self.left = self.lost = lost

    def commit(self, *writes: Write) -> datetime:
        done = super().commit(*writes)
        if self.left:
            self.left -= 1
            raise CommitUnclear("the answer was lost")
        return done


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("way", ["create", "rotate"])
def test_a_lost_answer_makes_no_second_secret(ours: Api, kind: Kind, way: str) -> None:
    before = create(ours, kind=kind)
    with closing(Lossy(ours.project, lost=1)) as store:
        secrets = Secrets(store=store, vault=Vault(MAIN_KEY))
        made = (
            secrets.create(LOCAL_TENANT, kind)
            if way == "create"
            else secrets.rotate(LOCAL_TENANT, kind, 0)
        )
        assert (store.lost, store.left) == (1, 0)
        ids = [made.secret.secret_id, before["id"]]
        assert [one["id"] for one in listed(ours)] == ids
        assert [one.secret_id for one in made.ended] == ([] if way == "create" else [before["id"]])
        signer = Signer(store=store, vault=Vault(MAIN_KEY))
        name = "secret" if kind is Kind.V1 else "public_key"
        assert convinced({"kind": kind, name: made.shown}, signed(signer))
    assert len(documents(ours, "webhook_keys")) == (2 if kind is Kind.V1A else 0)


def test_a_lost_answer_to_a_deletion_is_a_deletion(ours: Api) -> None:
    first, second = create(ours, kind="v1a"), create(ours)
    with closing(Lossy(ours.project, lost=1)) as store:
        Secrets(store=store, vault=Vault(MAIN_KEY)).delete(LOCAL_TENANT, first["id"])
        assert store.left == 0
    assert live(ours) == [second["id"]]


def test_a_public_key_is_listed_until_it_cannot_verify(ours: Api) -> None:
    old = create(ours, kind="v1a")
    new = rotate(ours, kind="v1a", overlap_seconds=0)
    keys = {key["id"]: key["expires_at"] for key in ours.client.get(KEYS).get_json()["keys"]}
    over = datetime.fromisoformat(new["created_at"]) + timedelta(minutes=5)
    assert keys == {old["id"]: over.isoformat(), new["id"]: None}


def test_all_public_keys_are_listed_but_those_that_are_over(ours: Api) -> None:
    create(ours, kind="v1a")
    start = datetime.now(UTC)

    def key(number: int) -> PublicKey:
        gone = timedelta(seconds=1 if number % 5 else -1)
        at = start + timedelta(seconds=number // 50)  # many of one moment: a page ends among them
        return PublicKey(
            key_id=f"sec_{number:024}",
            public_key=f"whpk_{number}",
            created_at=at,
            expire_at=start + timedelta(hours=1) * gone.total_seconds(),
        )

    for first in range(0, 1000, 250):
        rows = [key(number) for number in range(first, first + 250)]
        ours.store.commit(*(Create(PUBLIC_KEYS, row.key_id, row) for row in rows))
    found = [one["public_key"] for one in ours.client.get(KEYS).get_json()["keys"]]
    assert len(found) == len(set(found)) == 801
    assert found[1:] == [f"whpk_{number}" for number in range(1000) if number % 5]


def test_callbacks_need_a_secret(ours: Api) -> None:
    app = ours.make(webhook_secret="")
    client = app.test_client()
    for _ in range(2):
        answer = client.post("/v1/tracks", json=GOOD | CALLBACK)
        problem = refused(answer, 400, "webhook_secret_missing")
        assert problem["field"] == "callback_url"
        assert "POST /v1/webhooks/secrets" in problem["cure"]
    assert ours.documents() == 0
    assert client.post("/v1/tracks", json=GOOD).status_code == 202
    assert client.post(OWN).status_code == 201
    assert client.post("/v1/tracks", json=GOOD | CALLBACK).status_code == 202


def test_a_repeated_submit_is_not_asked_for_a_secret(ours: Api) -> None:
    headers = {"Idempotency-Key": "k"}
    first = ours.client.post("/v1/tracks", json=GOOD | CALLBACK, headers=headers)
    without = ours.make(webhook_secret="").test_client()
    again = without.post("/v1/tracks", json=GOOD | CALLBACK, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.data == again.data


def test_the_default_signs_for_those_who_have_none(ours: Api) -> None:
    signer = Signer(store=ours.store, vault=Vault(MAIN_KEY), default=SECRET)
    default = {"kind": "v1", "secret": SECRET}
    assert convinced(default, signed(signer))
    made = create(ours)
    headers = signed(signer)
    assert (convinced(default, headers), convinced(made, headers)) == (False, True)
    assert convinced(default, signed(signer, "other"))


def trouble(work: Callable[[], object], code: str) -> None:
    with pytest.raises(RetryableError) as found:
        work()
    assert found.value.code == code


def test_nothing_is_sent_unsigned(ours: Api, signer: Signer) -> None:
    trouble(lambda: signer.keys(LOCAL_TENANT), "no_webhook_secret")
    create(ours)
    foreign = Signer(
        store=ours.store, vault=Vault(base64.b64encode(b"x" * 32).decode()), default=SECRET
    )
    trouble(lambda: foreign.keys(LOCAL_TENANT), "secrets_unavailable")
    trouble(
        lambda: Signer(store=ours.store, vault=Vault("")).keys(LOCAL_TENANT), "secrets_unavailable"
    )


def test_a_copied_ring_signs_for_nobody_else(ours: Api, signer: Signer) -> None:
    create(ours)
    stolen = ours.store.get(RINGS, LOCAL_TENANT).value
    assert stolen
    ours.store.commit(
        Create(RINGS, "thief", SecretRing(tenant="thief", secrets=stolen.secrets)),
    )
    trouble(lambda: signer.keys("thief"), "secrets_unavailable")


def test_without_main_keys_no_secret_is_made(ours: Api) -> None:
    answer = ours.make(webhook_main_keys="").test_client().post(OWN)
    refused(answer, 503, "secrets_unavailable")
    assert answer.headers["Retry-After"]
    assert documents(ours, "webhook_secrets") == {}


def test_secrets_are_neither_logged_nor_stored_in_clear(
    ours: Api, signer: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = [create(ours), create(ours, kind="v1a"), create(ours)]
    ours.client.post(OWN, json={"kind": made[0]["secret"]})
    ours.client.post(OWN, json={made[0]["secret"]: 1})
    refused(ours.client.post(OWN), 409, "too_many_secrets")
    made += [rotate(ours), rotate(ours, kind="v1a", overlap_seconds=0)]
    assert ours.client.delete(f"{OWN}/{made[2]['id']}").status_code == 204
    keys = signer.keys(LOCAL_TENANT)
    refused(ours.make(webhook_main_keys="").test_client().post(OWN), 503, "secrets_unavailable")
    logging.getLogger("ours").info("it does listen")

    texts = [one["secret"].removeprefix("whsec_") for one in made if "secret" in one]
    private = [key.private for key in keys]
    assert (len(texts), [key.kind for key in keys]) == (3, [Kind.V1A, Kind.V1])
    hidden = [*texts, MAIN_KEY, *(base64.b64encode(raw).decode()[:40] for raw in private)]
    written = [CloudFormatter().format(record) for record in caplog.records]
    assert any("it does listen" in line for line in written)
    assert any("secrets_unavailable" in line for line in written)
    stored = repr([documents(ours, name) for name in ("webhook_secrets", "webhook_keys")])
    for text in hidden:
        assert not any(text in line for line in written)
        assert text not in stored
    assert not any(repr(raw)[2:-1] in stored for raw in private)
