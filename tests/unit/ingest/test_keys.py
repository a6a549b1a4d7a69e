import hashlib
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.identity.attempts import Attempts, network
from services.ingest.identity.keys import ENVIRONMENT, key_id_of, new_key
from services.ingest.identity.remembered import Remembered
from services.ingest.identity.sessions import SECONDS, Sessions
from shared import tenants
from shared.tenants import MAX_LIVE, MAX_REVOKED, NoSuchKey, Tenant, TooManyKeys

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEYS = [Fernet.generate_key().decode() for _ in range(2)]


def tenant_with(*keys: str) -> Tenant:
    found = Tenant(tenant="acme", created_at=NOW)
    for key_id in keys:
        found = tenants.added(found, replace(new_key("live"), key_id=key_id).dated(NOW))
    return found


def test_a_key_has_256_random_bits_and_is_stored_as_their_hash() -> None:
    one, other = new_key("test"), new_key("test")
    prefix, environment, key_id, secret = one.text.split("_")
    assert (prefix, environment, key_id) == ("mk", "test", one.key_id)
    assert len(secret) * 5 >= 256
    assert one.text.split("_")[2:] != other.text.split("_")[2:]
    stored = one.dated(NOW)
    assert stored.digest == hashlib.sha256(one.text.encode()).hexdigest()
    assert secret not in f"{one!r}{stored!r}"
    assert stored.digest not in repr(stored)


@given(st.from_regex(ENVIRONMENT, fullmatch=True))
def test_the_id_is_found_in_a_key(environment: str) -> None:
    key = new_key(environment)
    assert key_id_of(key.text) == key.key_id


@given(st.text())
def test_nothing_else_is_a_key(text: str) -> None:
    assert key_id_of(text) == ""
    assert key_id_of(new_key("live").text + (text or " ")) == ""


def test_two_live_keys_and_no_third() -> None:
    both = tenant_with("a", "b")
    with pytest.raises(TooManyKeys):
        tenants.added(both, new_key("live").dated(NOW))
    freed = tenants.revoked(both, "a", NOW)
    assert [key.live for key in freed.keys] == [True, False]
    third = tenants.added(freed, replace(new_key("live"), key_id="c").dated(NOW))
    assert [key.key_id for key in third.keys if key.live] == ["c", "b"]


def test_a_revoked_key_keeps_its_time_and_an_unknown_one_is_told() -> None:
    once = tenants.revoked(tenant_with("a"), "a", NOW)
    later = NOW.replace(year=2031)
    assert tenants.revoked(once, "a", later) == once
    with pytest.raises(NoSuchKey):
        tenants.revoked(once, "b", later)


def test_a_tenant_does_not_grow_for_ever() -> None:
    found = tenant_with("first")
    for number in range(100):
        found = tenants.added(found, replace(new_key("live"), key_id=str(number)).dated(NOW))
        found = tenants.revoked(found, str(number), NOW)
    assert len(found.keys) <= MAX_REVOKED + MAX_LIVE
    assert found.key("first")
    assert found.key("99")
    assert not found.key("0")


class Asked:
    """What is looked up, and how often."""

    def __init__(self) -> None:
        self.count = 0
        self.answers: dict[str, str] = {}

    def __call__(self, name: str) -> str | None:
        self.count += 1
        return self.answers.get(name)


def test_an_answer_is_remembered_and_no_longer_than_it_may() -> None:
    asked = Asked()
    asked.answers["a"] = "one"
    kept, old = Remembered(asked, 60), Remembered(asked, 0)
    assert [kept.get(name) for name in "aabb"] == ["one", "one", None, None]
    assert asked.count == 2
    asked.answers["a"] = "two"
    assert (kept.get("a"), old.get("a")) == ("one", "two")
    del asked.answers["a"]
    assert old.get("a") is None


def test_invented_names_push_out_nothing_and_cost_bounded_memory() -> None:
    asked = Asked()
    asked.answers["a"] = "one"
    kept = Remembered(asked, 60)
    kept.get("a")
    for number in range(5000):
        kept.get(str(number))
    assert len(kept._unknown) <= 1024
    before = asked.count
    assert kept.get("a") == "one"
    assert asked.count == before


def test_a_failure_is_not_remembered() -> None:
    away = [OSError("away")]

    def ask(name: str) -> str:
        if away:
            raise away.pop()
        return "here"

    kept = Remembered(ask, 60)
    with pytest.raises(OSError, match="away"):
        kept.get("a")
    assert kept.get("a") == "here"


def test_a_session_is_opened_by_each_key_and_by_no_other() -> None:
    old = Sessions(KEYS[1])
    cookie, session = old.start("0" * 16, "acme")
    assert Sessions(f"{KEYS[0]}, {KEYS[1]}").open(cookie) == session
    assert Sessions(KEYS[0]).open(cookie) is None
    assert Sessions("").open(cookie) is None
    assert session.csrf not in f"{session!r}{cookie}"
    assert old.start("0" * 16, "acme")[1].csrf != session.csrf


@pytest.mark.parametrize("age", [0, SECONDS - 60, SECONDS + 60])
def test_a_session_ends_after_twelve_hours(age: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions(KEYS[0])
    begun = time.time() - age
    with monkeypatch.context() as then:
        then.setattr("time.time", lambda: begun)
        cookie, session = sessions.start("0" * 16, "acme")
    assert sessions.open(cookie) == (session if age < SECONDS else None)


@given(st.text() | st.integers(0, 150))
def test_what_we_did_not_seal_is_no_session(forged: str | int) -> None:
    sessions = Sessions(KEYS[0])
    cookie, _ = sessions.start("0" * 16, "acme")
    if isinstance(forged, int):  # one character of a good one
        place = forged % len(cookie)
        other = "A" if cookie[place] != "A" else "B"
        forged = cookie[:place] + other + cookie[place + 1 :]
    assert sessions.open(forged) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"key_id": "a"}', "\x00"])
def test_other_things_under_our_key_are_no_session(text: str) -> None:
    assert Sessions(KEYS[0]).open(Fernet(KEYS[0]).encrypt(text.encode()).decode()) is None


def test_ten_attempts_then_one_in_six_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("services.ingest.identity.attempts.time.monotonic", lambda: now[0])
    attempts = Attempts()
    assert [attempts.take("192.0.2.1") for _ in range(10)] == [0.0] * 10
    assert attempts.take("192.0.2.1") == 6.0
    assert attempts.take("192.0.2.1") == 6.0
    assert attempts.take("192.0.2.2") == 0.0
    now[0] += 6
    assert attempts.take("192.0.2.1") == 0.0
    assert attempts.take("192.0.2.1") == 6.0
    attempts.forgive("192.0.2.1")
    assert attempts.take("192.0.2.1") == 0.0


def test_attempts_cost_bounded_memory() -> None:
    attempts = Attempts()
    for number in range(3000):
        attempts.take(f"10.0.{number // 250}.{number % 250}")
    assert len(attempts._paid_until) <= 1024


@pytest.mark.parametrize(
    ("address", "known_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
        ("x" * 10_000, ""),
    ],
)
def test_a_network_stands_for_its_addresses(address: str, known_as: str) -> None:
    assert network(address) == known_as


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        Sessions(KEYS[0]).open(new_key("live").text)
    assert caplog.records == []
