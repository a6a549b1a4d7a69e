import base64
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from services.ingest.webhooks.drafts import draft
from services.notifier import signing
from shared.rings import Kind
from shared.vault import Vault

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
PRIVATE = (
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
BOTH = (signing.key(NEW), signing.key(PRIVATE, Kind.V1A))
BODIES = 5_000


@pytest.mark.parametrize(
    ("key", "webhook_id", "timestamp", "body", "signature"),
    [
        (
            signing.key(OLD),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            signing.key(NEW),
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1649367553,
            b'{"email":"test@example.com","username":"test_user"}',
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
        (
            signing.key(PRIVATE, Kind.V1A),
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
        ),
    ],
    ids=["v1", "v1-too", "v1a"],
)
def test_published_vectors(
    key: signing.Key, webhook_id: str, timestamp: int, body: bytes, signature: str
) -> None:
    headers = signing.headers((key,), webhook_id, timestamp, body)
    assert headers == {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }


def by_secret(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """What the standard's own library says."""
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except Exception:  # noqa: BLE001 - for hostile headers the library raises anything
        return False
    return True


def by_public_key(public: str, headers: dict[str, str], body: bytes) -> bool:
    """What cryptography says; the entry of the scheme, the bytes as they were sent."""
    entries = [one.split(",") for one in headers["webhook-signature"].split(" ")]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    for scheme, entry in entries:
        try:
            key.verify(base64.b64decode(entry), signed)
        except InvalidSignature:
            continue
        return scheme == "v1a"
    return False


Judge = Callable[[dict[str, str], bytes], bool]
JUDGES: list[Judge] = [
    lambda headers, body: by_secret(NEW, headers, body),
    lambda headers, body: by_public_key(PUBLIC, headers, body),
]


def now() -> int:
    return int(datetime.now(UTC).timestamp())


def bodies() -> Iterator[bytes]:
    chance = random.Random(5)
    letters = [chr(point) for point in (*range(0x20, 0x250), *range(0x1F300, 0x1F400), 0, 10)]
    yield b""
    yield ("ü" * 10_000).encode()
    for _ in range(BODIES - 2):
        length = chance.choice([1, 10, 300, 4096]) if chance.random() < 0.99 else 20_000
        text = "".join(chance.choices(letters, k=chance.randint(1, length)))
        yield json.dumps({"text": text}, ensure_ascii=chance.random() < 0.5).encode()


def test_thousands_of_bodies_convince_both_judges() -> None:
    seen = 0
    for number, body in enumerate(bodies()):
        headers = signing.headers(BOTH, f"msg_{number}", now(), body)
        assert all(judge(headers, body) for judge in JUDGES), body
        seen += 1
    assert seen == BODIES


def flipped(text: bytes) -> Iterator[bytes]:
    """*text* with each of its bits turned, one at a time."""
    for place in range(len(text)):
        for bit in range(8):
            yield text[:place] + bytes([text[place] ^ 1 << bit]) + text[place + 1 :]


def tampered(headers: dict[str, str], body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    for other in flipped(body):
        yield headers, other
    for name in ("webhook-id", "webhook-timestamp"):
        for value in flipped(headers[name].encode()):
            yield headers | {name: value.decode("latin-1")}, body
    scheme, _, signature = headers["webhook-signature"].partition(",")
    for raw in flipped(base64.b64decode(signature)):
        entry = f"{scheme},{base64.b64encode(raw).decode()}"
        yield headers | {"webhook-signature": entry}, body


@pytest.mark.parametrize(("key", "judge"), list(zip(BOTH, JUDGES, strict=True)), ids=["v1", "v1a"])
def test_one_flipped_bit_anywhere_convinces_nobody(key: signing.Key, judge: Judge) -> None:
    body = '{"type":"track.completed","data":{"title":"größer"}}'.encode()
    headers = signing.headers((key,), "msg_2pyl5kbq7f", now(), body)
    assert judge(headers, body)
    wrong = list(tampered(headers, body))
    signature = 32 if key.kind is Kind.V1 else 64
    assert len(wrong) == 8 * (len(body) + len("msg_2pyl5kbq7f") + 10 + signature)
    assert not any(judge(*one) for one in wrong)


def test_during_a_rotation_holders_of_either_secret_are_convinced() -> None:
    body = json.dumps({"text": "größer"}, ensure_ascii=False).encode()
    headers = signing.headers(signing.keys(f"{NEW} {OLD}"), "msg_1", now(), body)
    newest, older = headers["webhook-signature"].split(" ")
    alone = signing.headers(signing.keys(NEW), "msg_1", int(headers["webhook-timestamp"]), body)
    assert newest == alone["webhook-signature"]
    assert newest != older
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(body.decode(), headers) == {"text": "größer"}
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(body.decode(), alone)


@pytest.mark.parametrize("length", [24, 64])
def test_keys_of_the_standards_lengths(length: int) -> None:
    secret = "whsec_" + base64.b64encode(b"k" * length).decode()
    assert [key.private for key in signing.keys(secret)] == [b"k" * length]


def test_what_is_made_for_a_tenant_can_sign() -> None:
    vault, body = Vault(base64.b64encode(b"m" * 32).decode()), b"{}"
    for kind in Kind:
        new = draft("t", kind, vault)
        key = signing.key(vault.open("t", new.secret_id, new.sealed), kind)
        headers = signing.headers((key,), "msg_1", now(), body)
        judge = by_secret if kind is Kind.V1 else by_public_key
        assert judge(new.shown, headers, body)
        assert not judge(draft("t", kind, vault).shown, headers, body)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "  ",
        OLD.removeprefix("whsec_"),
        "WHSEC_" + OLD.removeprefix("whsec_"),
        "whsec_" + base64.b64encode(b"k" * 23).decode(),
        "whsec_" + base64.b64encode(b"k" * 65).decode(),
        "whsec_",
        OLD + "!",
        OLD[:-1],
        "whsec_päßword-päßword-päßword-päßword-",
        PRIVATE,
        f"{NEW} nonsense",
    ],
)
def test_secrets_that_must_not_sign(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret") as refusal:
        signing.keys(secret)
    for word in secret.split():
        assert word not in str(refusal.value)


@pytest.mark.parametrize(
    "secret",
    [
        OLD,
        PUBLIC,
        "whsk_" + base64.b64encode(b"k" * 32).decode(),
        "whsk_" + base64.b64encode(b"k" * 64).decode(),
        "whsk_" + base64.b64encode(b"k").decode(),
        "whsk_",
        PRIVATE[:-4],
    ],
)
def test_private_keys_that_must_not_sign(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret") as refusal:
        signing.key(secret, Kind.V1A)
    assert secret == "whsk_" or secret not in str(refusal.value)


def test_a_key_shows_nothing_of_itself() -> None:
    for key in BOTH:
        shown = repr(key)
        assert repr(key.private) not in shown
        assert base64.b64encode(key.private).decode()[:10] not in shown
