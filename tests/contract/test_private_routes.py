"""Every private route of generator and notifier, in both modes of authentication."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from google.cloud.firestore import Client as Firestore

from services.generator.app import create_app as generator_app
from services.generator.config import Settings as GeneratorSettings
from services.notifier.app import create_app as notifier_app
from services.notifier.config import Settings as NotifierSettings
from tests.support.api import MAIN_KEY, SECRET
from tests.support.issuer import (
    ACCOUNT,
    AUDIENCE,
    CertsServer,
    certs_server,
    claims,
    platform_token,
    rs256,
    token,
)
from tests.support.malformed import MALFORMED
from tests.support.pushes import envelope, eventarc

ROUTES = [
    ("generator", "/events/requests"),
    ("generator", "/internal/sweep"),
    ("notifier", "/events/tracks"),
    ("notifier", "/internal/sweep"),
]
MODES = ("verify", "platform")
GENUINE: dict[str, Callable[..., str]] = {"verify": token, "platform": platform_token}
OTHER: dict[str, Callable[..., str]] = {"verify": platform_token, "platform": token}


@pytest.fixture(scope="module")
def certs() -> Iterator[CertsServer]:
    with certs_server() as server:
        yield server


@pytest.fixture
def client(
    emulators: object, project: str, certs: CertsServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], FlaskClient]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")

    def build(service: str, mode: str) -> FlaskClient:
        common: dict[str, Any] = {
            "gcp_project": project,
            "push_auth": mode,
            "push_audience": AUDIENCE,
            "push_accounts": ACCOUNT,
            "oidc_certs_url": certs.url,
            "k_service": "motif" if mode == "platform" else "",
            "time_scale": 1 if mode == "platform" else 0.01,
        }
        if service == "generator":
            settings = GeneratorSettings(
                input_bucket="p", output_bucket="o", vertex_endpoint="http://127.0.0.1:1", **common
            )
            return generator_app(settings).test_client()
        return notifier_app(
            NotifierSettings(
                public_url="http://127.0.0.1:1",
                webhook_secret=SECRET,
                webhook_main_keys=MAIN_KEY,
                **common,
            )
        ).test_client()

    return build


def forged(mode: str) -> dict[str, tuple[str | None, int]]:
    make = GENUINE[mode]
    return {
        "missing": (None, 401),
        "empty": ("", 401),
        "no token": ("Bearer x", 401),
        "the other mode's": (f"Bearer {OTHER[mode]()}", 401),
        "expired": (f"Bearer {make(claims(exp=int(time.time()) - 60))}", 401),
        "wrong issuer": (f"Bearer {make(claims(iss='https://evil.example'))}", 401),
        "wrong account": (f"Bearer {make(claims(email='eve@evil.example'))}", 403),
        "unverified account": (f"Bearer {make(claims(email_verified=False))}", 403),
        **(
            {
                "wrong audience": (f"Bearer {make(claims(aud='https://other.example'))}", 403),
                "forged": (f"Bearer {token(sign=rs256('somebody else'))}", 401),
            }
            if mode == "verify"
            else {"wrong marker": (f"Bearer {make()[:-1]}", 401)}
        ),
    }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("service", "path"), ROUTES)
def test_nobody_gets_in_without_the_right_token(
    client: Callable[[str, str], FlaskClient], project: str, service: str, path: str, mode: str
) -> None:
    http = client(service, mode)
    headers, body = eventarc(envelope())
    for name, (sent, status) in forged(mode).items():
        more = {} if sent is None else {"Authorization": sent}
        answer = http.post(path, data=body, headers=headers | more)
        assert answer.status_code == status, name
        assert answer.mimetype == "application/problem+json", name
    assert touched(project) == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("service", ["generator", "notifier"])
def test_the_right_token_sweeps(
    client: Callable[[str, str], FlaskClient], service: str, mode: str
) -> None:
    headers = {"Authorization": f"Bearer {GENUINE[mode]()}"}
    answer = client(service, mode).post("/internal/sweep", headers=headers)
    assert (answer.status_code, answer.json) == (200, {"woken": 0, "failed": 0})


@pytest.mark.parametrize(("service", "path"), [ROUTES[0], ROUTES[2]])
def test_malformed_events_are_refused_and_touch_nothing(
    client: Callable[[str, str], FlaskClient], project: str, service: str, path: str
) -> None:
    http = client(service, "verify")
    known = {"Authorization": f"Bearer {token()}"}
    no_message = [b"", b"{}", b"[]", b"[" * 50_000, b'{"type": "track.requested.v1"}']
    wrapped = [("data", *eventarc(envelope(data))) for data in no_message]
    shapes = [*MALFORMED, *wrapped]
    assert len(shapes) >= 20
    for name, headers, body in shapes:
        answer = http.post(path, data=body, headers=headers | known)
        assert answer.status_code == 400, name
        assert answer.json is not None
        assert answer.json["code"] == "malformed_event", name
    assert touched(project) == []


def touched(project: str) -> list[str]:
    with_close = Firestore(project=project)
    try:
        return [collection.id for collection in with_close.collections()]
    finally:
        with_close.close()
