import base64
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from standardwebhooks import Webhook

from deploy.local.http import Server
from deploy.local.sink import sink
from deploy.local.webhook import NoWebhook, received, verified

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()
BODY = '{"type": "track.completed"}'


def signed(secret: str = SECRET, body: str = BODY, age: float = 0) -> dict[str, str]:
    """Headers made by the reference implementation."""
    stamp = int(time.time() - age)
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(stamp, UTC), body)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(stamp),
        "webhook-signature": f"v1a,AAAA {signature}",
    }


def test_a_genuine_webhook_is_taken() -> None:
    assert verified(signed(), BODY.encode(), SECRET) == json.loads(BODY)
    assert verified(signed(OTHER), BODY.encode(), f"{SECRET} {OTHER}") == json.loads(BODY)


@pytest.mark.parametrize(
    "make",
    [
        lambda: signed(OTHER),
        lambda: signed(body=BODY + " "),
        lambda: signed(age=301),
        lambda: signed(age=-301),
        lambda: signed() | {"webhook-id": "msg_2"},
        lambda: signed() | {"webhook-timestamp": "soon"},
        lambda: signed() | {"webhook-signature": ""},
        dict,
    ],
)
def test_anything_else_is_not(make: Callable[[], dict[str, str]]) -> None:
    with pytest.raises(NoWebhook):
        verified(make(), BODY.encode(), SECRET)


@pytest.fixture
def running_sink(tmp_path: Path) -> Iterator[str]:
    with Server(sink(tmp_path)) as server:
        yield server.url


def test_the_sink_hands_it_over(running_sink: str) -> None:
    requests.post(f"{running_sink}/tracks/a", data="not ours", timeout=5)
    requests.post(f"{running_sink}/tracks/b", data=BODY, headers=signed(), timeout=5)

    assert received(running_sink, "/tracks/b", SECRET, 5) == json.loads(BODY)
    with pytest.raises(NoWebhook, match="not signed"):
        received(running_sink, "/tracks/a", SECRET, 5)
    with pytest.raises(NoWebhook, match="no webhook came"):
        received(running_sink, "/tracks/c", SECRET, 0)
