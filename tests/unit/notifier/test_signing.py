import base64
import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.notifier import signing

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.mark.parametrize(
    ("secret", "webhook_id", "timestamp", "body", "signature"),
    [
        (
            OLD,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            NEW,
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1649367553,
            b'{"email":"test@example.com","username":"test_user"}',
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
    ],
)
def test_published_vectors(
    secret: str, webhook_id: str, timestamp: int, body: bytes, signature: str
) -> None:
    headers = signing.headers(signing.keys(secret), webhook_id, timestamp, body)
    assert headers == {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }


def test_during_a_rotation_holders_of_either_secret_are_convinced() -> None:
    body = json.dumps({"text": "größer"}, ensure_ascii=False).encode()
    now = int(datetime.now(UTC).timestamp())
    headers = signing.headers(signing.keys(f"{NEW} {OLD}"), "msg_1", now, body)
    newest, older = headers["webhook-signature"].split()
    assert newest == signing.headers(signing.keys(NEW), "msg_1", now, body)["webhook-signature"]
    assert newest != older
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(body.decode(), headers) == {"text": "größer"}
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(body.decode() + " ", headers)


@pytest.mark.parametrize("length", [24, 64])
def test_keys_of_the_standards_lengths(length: int) -> None:
    secret = "whsec_" + base64.b64encode(b"k" * length).decode()
    assert signing.keys(secret) == (b"k" * length,)


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
        "whsk_" + base64.b64encode(b"k" * 64).decode(),
        f"{NEW} nonsense",
    ],
)
def test_secrets_that_must_not_sign(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret") as refusal:
        signing.keys(secret)
    for word in secret.split():
        assert word not in str(refusal.value)
