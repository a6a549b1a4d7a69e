import json
import math
import sys
from contextlib import suppress
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motif.webhooks import SecretError, VerificationError, Webhook
from tests.support.signed import BODY, OTHER, PRIVATE, PUBLIC, SECRET, signed

VECTORS = {
    "v1": (
        SECRET,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        b'{"test": 2432232314}',
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    "v1 of Svix": (
        OTHER,
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        "1649367553",
        b'{"email":"test@example.com","username":"test_user"}',
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ),
    "v1a": (
        PUBLIC,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        b'{"test": 2432232314}',
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
    ),
}


def refusal(webhook: Webhook, body: bytes, headers: dict[str, str]) -> str:
    with pytest.raises(VerificationError) as caught:
        webhook.verify(body, headers)
    return caught.value.code


@pytest.mark.parametrize("vector", VECTORS)
def test_the_published_vectors_verify(vector: str) -> None:
    secret, webhook_id, stamp, body, signature = VECTORS[vector]
    headers = {
        "Webhook-Id": webhook_id,
        "WEBHOOK-TIMESTAMP": stamp,
        "webhook-signature": signature,
    }
    assert Webhook(secret, tolerance=math.inf).verify(body, headers) == json.loads(body)
    assert refusal(Webhook(secret), body, headers) == "too_old"


@pytest.mark.parametrize(
    ("sign", "verify"), [(SECRET, SECRET), (PRIVATE, PUBLIC)], ids=["v1", "v1a"]
)
def test_one_flipped_bit_anywhere_fails(sign: str, verify: str) -> None:
    webhook = Webhook(verify, tolerance=math.inf)
    headers = signed(sign)
    assert webhook.verify(BODY, headers)
    for at in range(8 * len(BODY)):
        changed = bytearray(BODY)
        changed[at // 8] ^= 1 << at % 8
        assert refusal(webhook, bytes(changed), headers) == "no_match"
    for name in headers:
        text = headers[name].encode()
        for at in range(8 * len(text)):
            bits = bytearray(text)
            bits[at // 8] ^= 1 << at % 8
            refusal(webhook, BODY, headers | {name: bits.decode("latin-1")})


def test_any_of_several_secrets_may_have_signed() -> None:
    both = signed(f"{OTHER} {SECRET} {PRIVATE}")
    for secret in (SECRET, OTHER, PUBLIC, f"{OTHER} {PUBLIC}"):
        assert Webhook(secret).verify(BODY, both)
    assert Webhook([OTHER, SECRET]).verify(BODY, signed(SECRET))
    assert refusal(Webhook(OTHER), BODY, signed(SECRET)) == "no_match"
    assert refusal(Webhook(PUBLIC), BODY, signed(SECRET)) == "no_match"


@pytest.mark.parametrize(("age", "code"), [(302, "too_old"), (-302, "too_new")])
def test_a_timestamp_is_from_now(age: int, code: str) -> None:
    assert refusal(Webhook(SECRET), BODY, signed(age=age)) == code
    assert Webhook(SECRET, tolerance=400).verify(BODY, signed(age=age))
    assert Webhook(SECRET).verify(BODY, signed(age=290 if age > 0 else -290))


@pytest.mark.parametrize(
    "stamp", ["123.9", "+5", "-5", "1e9", " 5", "٣", "9" * 13, "9" * 5000, "x"]
)
def test_a_timestamp_is_in_whole_seconds(stamp: str) -> None:
    headers = signed() | {"webhook-timestamp": stamp}
    assert refusal(Webhook(SECRET), BODY, headers) == "bad_header"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_is_needed_once(name: str) -> None:
    headers = signed()
    without = {key: value for key, value in headers.items() if key != name}
    assert refusal(Webhook(SECRET), BODY, without) == "missing_header"
    assert refusal(Webhook(SECRET), BODY, headers | {name: ""}) == "missing_header"
    assert refusal(Webhook(SECRET), BODY, headers | {name.title(): "x"}) == "bad_header"
    twice = Message()
    for key, value in (*headers.items(), (name, headers[name])):
        twice[key] = value
    with pytest.raises(VerificationError, match="came twice"):
        Webhook(SECRET).verify(BODY, twice)


@pytest.mark.parametrize(
    "junk", ["v1", "v1,,", "v1,=", "v1,é", "\udcff", "v1a,AAAA", "v2,x", ",", "v1," + "A" * 88]
)
def test_junk_does_not_hide_a_good_signature(junk: str) -> None:
    webhook = Webhook(f"{SECRET} {PUBLIC}")
    for secret in (SECRET, PRIVATE):
        headers = signed(secret)
        both = f"{junk} {headers['webhook-signature']}"
        assert webhook.verify(BODY, headers | {"webhook-signature": both})
    assert refusal(webhook, BODY, signed() | {"webhook-signature": junk}) == "no_match"


def test_a_header_full_of_signatures_is_not_read_to_its_end() -> None:
    headers = signed()
    late = "v1,AAAA " * 1000 + headers["webhook-signature"]
    assert refusal(Webhook(SECRET), BODY, headers | {"webhook-signature": late}) == "no_match"


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b"1" * 5000])
def test_what_is_signed_and_no_object_is_refused(body: bytes) -> None:
    assert refusal(Webhook(SECRET), body, signed(body=body)) == "not_json"


HEADERS = st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "Webhook-Id"])
VALUES = (
    st.text(st.characters())
    | st.lists(st.sampled_from(["v1,", "v1a,", "v1", " ", "=", "AAAA", "é"])).map("".join)
    | st.integers().map(str)
)


@given(st.binary(), st.dictionaries(HEADERS, VALUES))
def test_nothing_but_a_refusal_comes_of_anything(body: bytes, headers: dict[str, str]) -> None:
    webhook = Webhook(f"{SECRET} {PUBLIC}")
    for changed in (headers, signed() | headers):
        with suppress(VerificationError):
            webhook.verify(body, changed)


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("", "no webhook secret"),
        (PRIVATE, "private key"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "starts with whsec_"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "base64"),
        ("whsec_MfKQ9r8G", "24 to 64 bytes"),
        ("whsec_é", "base64"),
        ("whpk_MfKQ9r8G", "32 bytes"),
    ],
)
def test_a_secret_that_cannot_verify_is_refused_and_not_shown(secret: str, says: str) -> None:
    with pytest.raises(SecretError, match=says) as caught:
        Webhook(secret)
    shown = secret.partition("_")[2]
    assert not shown or shown not in str(caught.value)


def test_without_cryptography_a_public_key_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(SecretError, match=r"motif-client\[ed25519\]"):
        Webhook(PUBLIC)
    assert Webhook(SECRET).verify(BODY, signed())
