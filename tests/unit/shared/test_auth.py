import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.auth import Mode, PushAuth
from shared.certs import Certificates
from shared.errors import Forbidden, RetryableError, Unauthenticated
from tests.support.issuer import (
    ACCOUNT,
    AUDIENCE,
    KEY_ID,
    CertsServer,
    certificate,
    certs_server,
    claims,
    platform_token,
    rs256,
    segment,
    token,
)

Make = Callable[[], str | None]


@pytest.fixture(scope="module")
def shared_certs() -> Iterator[CertsServer]:
    with certs_server() as server:
        yield server


@pytest.fixture
def certs() -> Iterator[CertsServer]:
    with certs_server() as server:
        yield server


def push_auth(certs_url: str, mode: Mode = "verify") -> PushAuth:
    return PushAuth(
        mode=mode,
        audience=AUDIENCE,
        accounts=frozenset({ACCOUNT, "scheduler@motif-local.iam.gserviceaccount.com"}),
        certs_url=certs_url,
        on_cloud_run=mode == "platform",
    )


def bearer(text: str) -> str:
    return f"Bearer {text}"


def hs256(text: bytes) -> bytes:
    return hmac.digest(certificate(KEY_ID).encode(), text, hashlib.sha256)


def header(**changes: Any) -> dict[str, Any]:
    made = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"} | changes
    return {name: value for name, value in made.items() if value is not ...}


def cut(text: str, part: int, put: str) -> str:
    parts = text.split(".")
    parts[part] = put
    return ".".join(parts)


NO_TOKEN: dict[str, Make] = {
    "no header": lambda: None,
    "empty": lambda: "",
    "scheme only": lambda: "Bearer",
    "scheme and space": lambda: "Bearer ",
    "basic": lambda: "Basic dXNlcjpwYXNz",
    "no scheme": token,
    "one segment": lambda: bearer("abc"),
    "two segments": lambda: bearer(token().rpartition(".")[0]),
    "four segments": lambda: bearer(token() + ".x"),
    "empty segments": lambda: bearer(".."),
    "noise": lambda: bearer("\x00é.\xff.\ud7ff"),
    "one letter per segment": lambda: bearer("a.b.c"),
}

NOT_GENUINE: dict[str, Make] = NO_TOKEN | {
    "header is noise": lambda: bearer(cut(token(), 0, segment(b"\xff"))),
    "header is a list": lambda: bearer(token(header=["RS256"])),
    "claims are a list": lambda: bearer(token([claims()])),
    "claims are text": lambda: bearer(token("x")),
    "claims are deep": lambda: bearer(token("[" * 100_000)),
    "alg none": lambda: bearer(token(header=header(alg="none"), sign=lambda _: b"")),
    "alg None": lambda: bearer(token(header=header(alg=None))),
    "no alg": lambda: bearer(token(header=header(alg=...))),
    "alg is a list": lambda: bearer(token(header=header(alg=["RS256"]))),
    "alg in small letters": lambda: bearer(token(header=header(alg="rs256"))),
    "HS256 with the certificate as the secret": lambda: bearer(
        token(header=header(alg="HS256"), sign=hs256)
    ),
    "HS256 called RS256": lambda: bearer(token(sign=hs256)),
    "ES256": lambda: bearer(token(header=header(alg="ES256"))),
    "another's key under our key id": lambda: bearer(token(sign=rs256("mallory"))),
    "unknown key id": lambda: bearer(token(header=header(kid="mallory"), sign=rs256("mallory"))),
    "no key id": lambda: bearer(token(header=header(kid=...))),
    "key id is a number": lambda: bearer(token(header=header(kid=1))),
    "key id is a path": lambda: bearer(token(header=header(kid="../../dev/null"))),
    "brings its own certificate": lambda: bearer(
        token(header=header(x5c=[certificate("mallory")]), sign=rs256("mallory"))
    ),
    "says where its key is": lambda: bearer(
        token(header=header(jku="http://127.0.0.1/keys"), sign=rs256("mallory"))
    ),
    "claims changed after signing": lambda: bearer(cut(token(), 1, segment(claims(sub="2")))),
    "header changed after signing": lambda: bearer(cut(token(), 0, segment(header(typ="x")))),
    "signature of another token": lambda: bearer(
        cut(token(), 2, token(claims(sub="2")).rpartition(".")[2])
    ),
    "signature cut": lambda: bearer(token()[:-8]),
    "signature empty": lambda: bearer(cut(token(), 2, "")),
    "signature removed by Google": lambda: bearer(platform_token()),
    "no issue time": lambda: bearer(token(claims(iat=...))),
    "issued in the future": lambda: bearer(token(claims(iat=int(time.time()) + 60))),
}

WRONG_TIME_OR_ISSUER: dict[str, Callable[[], dict[str, Any]]] = {
    "expired": lambda: claims(exp=int(time.time()) - 15),
    "expired long ago": lambda: claims(exp=1),
    "no expiry": lambda: claims(exp=...),
    "expiry is text": lambda: claims(exp=str(int(time.time()) + 60)),
    "expiry never comes": lambda: claims(exp=float("nan")),
    "expiry is true": lambda: claims(exp=True),
    "expiry is null": lambda: claims(exp=None),
    "other issuer": lambda: claims(iss="https://accounts.google.com.example"),
    "no issuer": lambda: claims(iss=...),
}

WRONG_ACCOUNT: dict[str, Callable[[], dict[str, Any]]] = {
    "other account": lambda: claims(email="mallory@motif-local.iam.gserviceaccount.com"),
    "account in capitals": lambda: claims(email=ACCOUNT.upper()),
    "account is a list": lambda: claims(email=[ACCOUNT]),
    "no account": lambda: claims(email=...),
    "email not verified": lambda: claims(email_verified=False),
    "nobody says verified": lambda: claims(email_verified=...),
    "verified is text": lambda: claims(email_verified="true"),
}

WRONG_AUDIENCE: dict[str, Callable[[], dict[str, Any]]] = {
    "other audience": lambda: claims(aud="https://notifier.example"),
    "audience with a slash": lambda: claims(aud=AUDIENCE + "/"),
    "audience is a list": lambda: claims(aud=[AUDIENCE]),
    "no audience": lambda: claims(aud=...),
}

NOT_VOUCHED_FOR: dict[str, Make] = NO_TOKEN | {
    "signature still there": lambda: bearer(token()),
    "marker in small letters": lambda: bearer(
        cut(platform_token(), 2, "signature_removed_by_google")
    ),
    "marker and more": lambda: bearer(platform_token() + "x"),
    "more and marker": lambda: bearer(cut(platform_token(), 2, "xSIGNATURE_REMOVED_BY_GOOGLE")),
    "marker as fourth segment": lambda: bearer(token() + ".SIGNATURE_REMOVED_BY_GOOGLE"),
    "marker alone": lambda: bearer("SIGNATURE_REMOVED_BY_GOOGLE"),
    "claims are a list": lambda: bearer(platform_token([claims()])),
    "claims are deep": lambda: bearer(platform_token("[" * 100_000)),
    "header is noise": lambda: bearer(cut(platform_token(), 0, segment(b"\xff"))),
}


@pytest.mark.parametrize("make", NOT_GENUINE.values(), ids=NOT_GENUINE)
def test_verify_refuses_what_is_not_genuine(shared_certs: CertsServer, make: Make) -> None:
    with pytest.raises(Unauthenticated):
        push_auth(shared_certs.url).check(make())


def test_verify_takes_rs256_only_whatever_the_issuer_serves(certs: CertsServer) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    certs.body = json.dumps({KEY_ID: public.decode()})

    def es256(text: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    with pytest.raises(Unauthenticated):
        push_auth(certs.url).check(bearer(token(header=header(alg="ES256"), sign=es256)))


@pytest.mark.parametrize("make", NOT_VOUCHED_FOR.values(), ids=NOT_VOUCHED_FOR)
def test_platform_refuses_what_cloud_run_has_not_checked(make: Make) -> None:
    with pytest.raises(Unauthenticated):
        push_auth("http://127.0.0.1:1/unused", "platform").check(make())


@pytest.mark.parametrize("make", WRONG_TIME_OR_ISSUER.values(), ids=WRONG_TIME_OR_ISSUER)
@pytest.mark.parametrize(("mode", "sign"), [("verify", token), ("platform", platform_token)])
def test_wrong_time_or_issuer(
    shared_certs: CertsServer, mode: Mode, sign: Callable[[object], str], make: Callable[[], object]
) -> None:
    with pytest.raises(Unauthenticated):
        push_auth(shared_certs.url, mode).check(bearer(sign(make())))


@pytest.mark.parametrize("make", WRONG_ACCOUNT.values(), ids=WRONG_ACCOUNT)
@pytest.mark.parametrize(("mode", "sign"), [("verify", token), ("platform", platform_token)])
def test_wrong_account(
    shared_certs: CertsServer, mode: Mode, sign: Callable[[object], str], make: Callable[[], object]
) -> None:
    with pytest.raises(Forbidden):
        push_auth(shared_certs.url, mode).check(bearer(sign(make())))


@pytest.mark.parametrize("make", WRONG_AUDIENCE.values(), ids=WRONG_AUDIENCE)
def test_verify_refuses_another_audience(
    shared_certs: CertsServer, make: Callable[[], object]
) -> None:
    with pytest.raises(Forbidden):
        push_auth(shared_certs.url).check(bearer(token(make())))


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"iss": "accounts.google.com"},
        {"exp": 20, "iat": -3600},
        {"email": "scheduler@motif-local.iam.gserviceaccount.com"},
    ],
)
@pytest.mark.parametrize(("mode", "sign"), [("verify", token), ("platform", platform_token)])
def test_good_token(
    shared_certs: CertsServer, mode: Mode, sign: Callable[[object], str], said: dict[str, Any]
) -> None:
    now = int(time.time())
    good = claims(**{k: v if isinstance(v, str) else now + v for k, v in said.items()})

    assert push_auth(shared_certs.url, mode).check(bearer(sign(good))) == good["email"]


@pytest.mark.parametrize(("mode", "sign"), [("verify", token), ("platform", platform_token)])
def test_clocks_may_differ_a_little(
    shared_certs: CertsServer, mode: Mode, sign: Callable[[object], str]
) -> None:
    now = int(time.time())
    auth = push_auth(shared_certs.url, mode)

    assert auth.check(bearer(sign(claims(exp=now - 4)))) == ACCOUNT
    assert auth.check(bearer(sign(claims(iat=now + 5)))) == ACCOUNT


def test_scheme_in_any_case(shared_certs: CertsServer) -> None:
    assert push_auth(shared_certs.url).check(f"bEARER {token()}") == ACCOUNT


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "platform"},
        {"mode": "off"},
        {"mode": ""},
        {"audience": ""},
        {"accounts": frozenset()},
        {"accounts": frozenset({ACCOUNT, ""})},
    ],
    ids=["platform", "off", "no mode", "no audience", "nobody", "anybody"],
)
def test_it_cannot_be_switched_off(changes: dict[str, Any]) -> None:
    settings = {
        "mode": "verify",
        "audience": AUDIENCE,
        "accounts": frozenset({ACCOUNT}),
        "certs_url": "http://127.0.0.1:1/certs",
        "on_cloud_run": False,
    }
    with pytest.raises(ValueError, match="PUSH_"):
        PushAuth(**cast("Any", settings | changes))


def test_tokens_never_reach_an_error_text(shared_certs: CertsServer) -> None:
    for make in NOT_GENUINE.values():
        with pytest.raises(Unauthenticated) as caught:
            push_auth(shared_certs.url).check(make())
        assert "eyJ" not in str(caught.value)
        assert caught.value.__cause__ is None


# Certificates


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now


def test_certificates_are_fetched_once(certs: CertsServer) -> None:
    auth = push_auth(certs.url)

    for _ in range(5):
        auth.check(bearer(token()))

    assert certs.hits == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 3600),
        ({"Cache-Control": "public, max-age=600, must-revalidate"}, 600),
        ({"Cache-Control": "max-age=600", "Age": "500"}, 100),
        ({"Cache-Control": "max-age=600", "Age": "soon"}, 600),
        ({"Cache-Control": "max-age=0"}, 30),
        ({"Cache-Control": "max-age=soon"}, 3600),
        ({"Cache-Control": "max-age=99999999"}, 86_400),
    ],
)
def test_certificates_stay_fresh_as_long_as_the_issuer_says(
    certs: CertsServer, headers: dict[str, str], seconds: int
) -> None:
    clock = Clock()
    certificates = Certificates(certs.url, clock)
    certs.headers = headers
    certificates.find(KEY_ID)

    clock.now += seconds - 1
    certificates.find(KEY_ID)
    assert certs.hits == 1

    clock.now += 1
    certificates.find(KEY_ID)
    assert certs.hits == 2


def test_a_new_key_is_found_but_invented_ones_do_not_drive_us(certs: CertsServer) -> None:
    clock = Clock()
    certificates = Certificates(certs.url, clock)
    certificates.find(KEY_ID)
    certs.body = json.dumps({KEY_ID: certificate(KEY_ID), "key-2": certificate("key-2")})

    clock.now += 29
    assert {certificates.find(f"invented-{n}") for n in range(50)} == {None}
    assert certificates.find("key-2") is None
    assert certs.hits == 1

    clock.now += 1
    assert certificates.find("key-2") == certificate("key-2")
    assert certs.hits == 2


def test_one_fetches_while_the_others_wait(certs: CertsServer) -> None:
    clock = Clock()
    certificates = Certificates(certs.url, clock)
    already = clock.looks
    certs.gate.clear()
    with ThreadPoolExecutor(20) as pool:
        found = [pool.submit(certificates.find, KEY_ID) for _ in range(20)]
        deadline = time.monotonic() + 10
        while clock.looks < already + 20 and time.monotonic() < deadline:
            time.sleep(0.001)
        certs.gate.set()

    assert {f.result() for f in found} == {certificate(KEY_ID)}
    assert certs.hits == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, "{}"),
        (404, json.dumps({KEY_ID: "x"})),
        (302, ""),
        (200, "<html>"),
        (200, "{}"),
        (200, "[1]"),
        (200, json.dumps({KEY_ID: "no certificate"})),
        (200, json.dumps({KEY_ID: 1})),
    ],
)
def test_no_certificates_is_not_the_callers_fault(
    certs: CertsServer, status: int, body: str
) -> None:
    certs.status, certs.body = status, body

    with pytest.raises(RetryableError) as caught:
        push_auth(certs.url).check(bearer(token()))

    assert caught.value.code == "certificates_unavailable"


def test_nobody_at_the_certificates_address() -> None:
    with certs_server() as gone:
        url = gone.url

    with pytest.raises(RetryableError):
        push_auth(url).check(bearer(token()))


def test_an_outage_costs_one_request_per_five_seconds_and_no_known_key(
    certs: CertsServer,
) -> None:
    clock = Clock()
    certificates = Certificates(certs.url, clock)
    certificates.find(KEY_ID)
    certs.status = 500
    clock.now += 60
    for _ in range(10):
        with pytest.raises(RetryableError):
            certificates.find("key-2")
    assert certs.hits == 2
    assert certificates.find(KEY_ID) == certificate(KEY_ID)

    clock.now += 3600
    with pytest.raises(RetryableError):
        certificates.find(KEY_ID)

    certs.status = 200
    clock.now += 5
    assert certificates.find(KEY_ID) == certificate(KEY_ID)
