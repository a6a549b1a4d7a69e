"""Signing in to the Studio: the cookie, what it opens, what it is not good for."""

import logging
import secrets
import time
from http.cookies import SimpleCookie
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.ingest.identity.keys import NewKey, new_key
from services.ingest.identity.sessions import COOKIE, SECONDS, Sessions
from tests.support.api import BASE, GOOD, Api, refused
from tests.support.keyed import SESSION_KEY, Keyed
from tests.support.waiting import wait_for

SESSION = "/studio/session"
LIST = "/v1/webhooks/secrets"
EVIL = "https://evil.example"
SIBLING = "https://other.api.example"
NOBODY = {"auth": "on", "signed_in": False, "tenant": None, "csrf": None}


@pytest.fixture(scope="module")
def keyed(public_api: Api) -> Keyed:
    """Ingest that asks for keys, and lists an origin that may call with them."""
    return Keyed(public_api, cors_origins=EVIL)


@pytest.fixture
def key(keyed: Keyed) -> NewKey:
    """The key of a tenant of this test's own."""
    return keyed.key(f"t-{secrets.token_hex(4)}")


class Browser:
    """One browser with its cookies; ``csrf`` is what the page knows."""

    def __init__(self, keyed: Keyed, key: NewKey) -> None:
        self.client = keyed.client()
        self.answer = self.client.post(SESSION, json={"key": key.text}, headers={"Origin": BASE})
        assert self.answer.status_code == 200, self.answer.text
        self.body: dict[str, Any] = self.answer.get_json()
        self.csrf = str(self.body["csrf"])

    @property
    def cookie(self) -> str:
        found = self.client.get_cookie(COOKIE)
        assert found
        return found.value

    def post(self, path: str, **headers: str) -> TestResponse:
        """A write of our own page, unless *headers* say otherwise."""
        sent = {"Origin": BASE, "X-CSRF-Token": self.csrf} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        wanted = {name: value for name, value in sent.items() if value != "absent"}
        return self.client.post(path, json=GOOD, headers=wanted)


@pytest.fixture
def browser(keyed: Keyed, key: NewKey) -> Browser:
    return Browser(keyed, key)


def holding(keyed: Keyed, cookie: str) -> FlaskClient:
    """Somebody else with a cookie from somewhere."""
    client = keyed.client()
    client.set_cookie(COOKIE, cookie)
    return client


def test_before_signing_in_nothing_is_open(keyed: Keyed) -> None:
    answer = keyed.client().get(SESSION)
    assert (answer.status_code, answer.get_json()) == (200, NOBODY)
    assert answer.headers["Cache-Control"] == "no-store"
    refused(keyed.client().get(LIST), 401, "unauthenticated")


def test_a_key_opens_a_session_that_reads_and_writes(keyed: Keyed, browser: Browser) -> None:
    assert browser.body == browser.client.get(SESSION).get_json()
    assert (browser.body["auth"], browser.body["signed_in"]) == ("on", True)
    assert browser.client.get(LIST).status_code == 200
    answer = browser.post("/v1/tracks")
    assert answer.status_code == 202
    track = keyed.api.document(answer.get_json()["request_id"]).value
    assert track
    assert track.tenant == browser.body["tenant"]


def test_the_cookie_is_for_our_page_alone(browser: Browser) -> None:
    (cookie,) = SimpleCookie(browser.answer.headers["Set-Cookie"]).values()
    assert cookie.key == "motif_session"
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Strict")
    assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert int(cookie["max-age"]) == SECONDS == 12 * 3600


def test_without_tls_the_cookie_can_do_without(public_api: Api) -> None:
    keyed = Keyed(public_api, public_url="http://localhost:8080")
    text = keyed.key(f"t-{secrets.token_hex(4)}").text
    answer = keyed.client().post(SESSION, json={"key": text})
    assert "Secure" not in answer.headers["Set-Cookie"]
    assert "HttpOnly" in answer.headers["Set-Cookie"]


def test_the_cookie_gives_neither_key_nor_token_away(browser: Browser, key: NewKey) -> None:
    for secret in (key.text, key.key_id, browser.csrf, browser.body["tenant"]):
        assert secret not in browser.cookie


@pytest.mark.parametrize(
    "text", ["", "mk_", "mk_test_" + "0" * 16 + "_" + "a" * 52, "x" * 9000, "\ud800"]
)
def test_what_is_no_key_opens_none(keyed: Keyed, text: str) -> None:
    answer = Keyed(keyed.api).client().post(SESSION, json={"key": text})
    refused(answer, 401, "unauthenticated")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"json": {}}, 400, "missing_field"),
        ({"json": {"key": 5}}, 400, "invalid_field"),
        ({"json": {"key": None}}, 400, "invalid_field"),
        ({"json": {"key": "a", "tenant": "b"}}, 400, "unknown_field"),
        ({"json": []}, 400, "invalid_json"),
        ({"data": {"key": "a"}}, 415, "unsupported_media_type"),
        ({"data": '{"key": "a"}', "content_type": "text/plain"}, 415, "unsupported_media_type"),
        ({"data": b"x" * 40_000}, 413, "request_entity_too_large"),
    ],
)
def test_a_sign_in_that_is_none_is_told_so(
    keyed: Keyed, sent: dict[str, Any], status: int, code: str
) -> None:
    refused(keyed.client().post(SESSION, **sent), status, code)


@pytest.mark.parametrize("origin", [EVIL, SIBLING, "null", "", BASE.replace("https", "http")])
def test_nobody_is_signed_in_by_another_page(keyed: Keyed, key: NewKey, origin: str) -> None:
    answer = keyed.client().post(SESSION, json={"key": key.text}, headers={"Origin": origin})
    refused(answer, 403, "csrf_failed")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"X_CSRF_Token": "absent"},
        {"X_CSRF_Token": ""},
        {"X_CSRF_Token": "x"},
        {"X_CSRF_Token": "\xff"},
        {"Origin": EVIL},
        {"Origin": SIBLING},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": BASE.upper()},
        {"Origin": f"{BASE}:8443"},
        {"Origin": "absent", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "absent", "Sec_Fetch_Site": "same-site"},
        {"Origin": "absent", "Sec_Fetch_Site": "what"},
    ],
)
def test_a_write_that_our_page_did_not_want_is_refused(
    keyed: Keyed, browser: Browser, headers: dict[str, str]
) -> None:
    before = keyed.api.documents()
    problem = refused(browser.post("/v1/tracks", **headers), 403, "csrf_failed")
    assert problem["field"] == "X-CSRF-Token"
    assert "/studio/session" in problem["cure"]
    assert keyed.api.documents() == before
    assert browser.post("/v1/tracks").status_code == 202


def test_the_token_of_another_session_is_none(keyed: Keyed, key: NewKey, browser: Browser) -> None:
    other = Browser(keyed, key)
    answer = browser.post("/v1/tracks", X_CSRF_Token=other.csrf)
    refused(answer, 403, "csrf_failed")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_every_write_with_a_cookie_needs_the_token(
    keyed: Keyed, browser: Browser, method: str
) -> None:
    paths = {
        rule.rule
        for rule in keyed.app.url_map.iter_rules()
        if rule.rule.startswith("/v1/") and method in (rule.methods or ())
    }
    assert paths
    for path in paths:
        answer = browser.client.open(path.replace("<", "").replace(">", ""), method=method)
        refused(answer, 403, "csrf_failed")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": SIBLING},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_read_from_another_page_has_no_session(browser: Browser, headers: dict[str, str]) -> None:
    refused(browser.client.get(LIST, headers=headers), 401, "unauthenticated")
    answer = browser.client.get(SESSION, headers=headers)
    assert answer.get_json() == NOBODY


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_an_address_typed_or_linked_by_our_page_has_one(browser: Browser, site: str) -> None:
    assert browser.client.get(LIST, headers={"Sec-Fetch-Site": site}).status_code == 200


def test_no_answer_lets_another_page_use_the_cookie(browser: Browser) -> None:
    for answer in (
        browser.client.get(LIST, headers={"Origin": EVIL}),
        browser.client.options(LIST, headers={"Origin": EVIL}),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == EVIL
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_tampered_cookie_opens_nothing(keyed: Keyed, browser: Browser) -> None:
    good = browser.cookie
    middle = len(good) // 2
    changed = "A" if good[middle] != "A" else "B"
    for cookie in (
        *(good[:-4], good[1:], good[:middle] + changed + good[middle + 1 :]),
        *("", "null", "{}", "a" * 100, Fernet(Fernet.generate_key()).encrypt(b"{}").decode()),
    ):
        refused(holding(keyed, cookie).get(LIST), 401, "unauthenticated")
        assert holding(keyed, cookie).get(SESSION).get_json() == NOBODY
    assert holding(keyed, good).get(LIST).status_code == 200


def test_a_cookie_older_than_twelve_hours_opens_nothing(
    keyed: Keyed, key: NewKey, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    with monkeypatch.context() as then:
        then.setattr("time.time", lambda: now - SECONDS - 1)
        old, _ = Sessions(SESSION_KEY).start(key.key_id, browser.body["tenant"])
    new, _ = Sessions(SESSION_KEY).start(key.key_id, browser.body["tenant"])
    refused(holding(keyed, old).get(LIST), 401, "unauthenticated")
    assert holding(keyed, new).get(LIST).status_code == 200


def test_a_session_of_another_tenants_key_is_none(keyed: Keyed, key: NewKey) -> None:
    mixed, _ = Sessions(SESSION_KEY).start(key.key_id, "somebody-else")
    refused(holding(keyed, mixed).get(LIST), 401, "unauthenticated")


def test_a_session_ends_with_its_key_and_not_with_the_other_one(public_api: Api) -> None:
    keyed = Keyed(public_api, time_scale=0.01)
    tenant = f"t-{secrets.token_hex(4)}"
    key, other = keyed.key(tenant), keyed.key(tenant)
    ended, stays = Browser(keyed, key), Browser(keyed, other)
    assert ended.client.get(LIST).status_code == 200
    keyed.registry.revoke(key.key_id)
    wait_for(lambda: ended.client.get(LIST).status_code == 401)
    assert ended.client.get(SESSION).get_json() == NOBODY
    assert stays.client.get(LIST).status_code == 200


def test_session_keys_can_be_replaced(public_api: Api, keyed: Keyed, browser: Browser) -> None:
    new = Fernet.generate_key().decode()
    both = Keyed(public_api, session_keys=f"{new} {SESSION_KEY}")
    assert holding(both, browser.cookie).get(LIST).status_code == 200
    only = Keyed(public_api, session_keys=new)
    refused(holding(only, browser.cookie).get(LIST), 401, "unauthenticated")


def test_a_key_wins_over_a_cookie(keyed: Keyed, browser: Browser) -> None:
    bad = {"Authorization": f"Bearer {new_key('test').text}"}
    refused(browser.client.get(LIST, headers=bad), 401, "unauthenticated")
    theirs = keyed.key(f"t-{secrets.token_hex(4)}")
    good = {"Authorization": f"Bearer {theirs.text}", "Origin": EVIL}
    answer = browser.client.post("/v1/tracks", json=GOOD, headers=good)
    track = keyed.api.document(answer.get_json()["request_id"]).value
    assert track
    assert track.tenant != browser.body["tenant"]


def test_signing_out_takes_the_cookie_away(keyed: Keyed, browser: Browser) -> None:
    refused(browser.client.delete(SESSION), 403, "csrf_failed")
    evil = {"Origin": EVIL, "X-CSRF-Token": browser.csrf}
    refused(browser.client.delete(SESSION, headers=evil), 403, "csrf_failed")
    assert browser.client.get(LIST).status_code == 200
    ours = {"Origin": BASE, "X-CSRF-Token": browser.csrf}
    assert browser.client.delete(SESSION, headers=ours).status_code == 204
    assert browser.client.get_cookie(COOKIE) is None
    refused(browser.client.get(LIST), 401, "unauthenticated")
    assert browser.client.delete(SESSION).status_code == 204


def test_wrong_keys_are_slowed_down_and_good_ones_are_not(public_api: Api) -> None:
    keyed = Keyed(public_api)
    key = keyed.key(f"t-{secrets.token_hex(4)}")
    for _ in range(20):
        Browser(keyed, key)
    client = keyed.client()
    answers = [client.post(SESSION, json={"key": new_key("test").text}) for _ in range(12)]
    assert [answer.status_code for answer in answers[:10]] == [401] * 10
    problem = refused(answers[-1], 429, "too_many_sign_ins")
    assert problem["cure"]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 6
    refused(client.post(SESSION, json={"key": key.text}), 429, "too_many_sign_ins")
    elsewhere = {"REMOTE_ADDR": "192.0.2.1"}
    answer = client.post(SESSION, json={"key": key.text}, environ_overrides=elsewhere)
    assert answer.status_code == 200
    assert keyed.client(key).get(LIST).status_code == 200


def test_in_the_cloud_the_front_end_tells_the_address(public_api: Api) -> None:
    keyed = Keyed(public_api, k_service="ingest")
    wrong = {"key": new_key("test").text}

    def sign_in(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return keyed.client().post(SESSION, json=wrong, headers=headers).status_code

    told = [sign_in(f"10.0.0.{number}, 192.0.2.1") for number in range(11)]
    assert told == [401] * 10 + [429]  # whatever a client says of itself comes first
    assert sign_in("192.0.2.1, 192.0.2.2") == 401


def test_behind_our_load_balancer_each_caller_has_a_limit_of_its_own(public_api: Api) -> None:
    ours = "203.0.113.9, 2001:db8:0::9"
    keyed = Keyed(public_api, k_service="ingest", trusted_proxies=ours)
    wrong = {"key": new_key("test").text}

    def sign_in(*forwarded: str) -> int:
        headers = [("X-Forwarded-For", one) for one in forwarded]
        return keyed.client().post(SESSION, json=wrong, headers=headers).status_code

    told = [sign_in(f"10.0.0.{number}, 192.0.2.7, 203.0.113.9") for number in range(11)]
    assert told == [401] * 10 + [429]
    assert sign_in("192.0.2.7, 192.0.2.8, 203.0.113.9") == 401
    assert sign_in("10.0.0.1, 192.0.2.7, 2001:db8::9") == 429
    assert sign_in("10.0.0.1, 192.0.2.7", "203.0.113.9") == 429
    # Past the load balancer, at the run.app URL: whom they name, and that it was one, is hearsay.
    told = [sign_in(f"10.0.1.{number}, 203.0.113.9, 192.0.2.10") for number in range(11)]
    assert told == [401] * 10 + [429]
    assert sign_in("203.0.113.9") == 401  # nobody in front of it: who has called us


def test_without_keys_there_is_nothing_to_sign_in_to(public_api: Api) -> None:
    client = public_api.make().test_client()
    local = {"auth": "off", "signed_in": False, "tenant": "local", "csrf": None}
    answer = client.post(SESSION, json={"key": "mk_any"})
    assert (client.get(SESSION).get_json(), answer.get_json()) == (local, local)
    assert "Set-Cookie" not in answer.headers
    assert client.delete(SESSION).status_code == 204


def test_nothing_of_a_session_is_logged(public_api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        keyed = Keyed(public_api)
        key = keyed.key(f"t-{secrets.token_hex(4)}")
        browser = Browser(keyed, key)
        browser.client.get(LIST)
        browser.post("/v1/tracks")
        browser.post("/v1/tracks", X_CSRF_Token="x")
        holding(keyed, f"{browser.cookie}x").get(LIST)
        browser.client.delete(SESSION, headers={"X-CSRF-Token": browser.csrf})
    said = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    for secret in (key.text.split("_")[3], browser.csrf, str(browser.answer.headers["Set-Cookie"])):
        assert secret not in said
