"""What is known of the cloud without one: forged tokens, refusals, what gcloud answers."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google.auth import jwt

from deploy.cloud import subscriptions, tokens
from deploy.cloud.cloud_world import CloudWorld, told
from deploy.cloud.local_world import error
from deploy.cloud.names import Cloud
from deploy.cloud.runner import Runner
from deploy.cloud.storage import Storage
from deploy.cloud.verify import verify
from deploy.cloud.world import Failed
from deploy.local.http import Request, Response, Server
from shared.auth import MARKER
from shared.errors import StoreUnavailable
from tests.support.scripted_tools import Tools

CLOUD = Cloud("my-project")


@pytest.fixture
def world(tools: Tools) -> CloudWorld:
    return CloudWorld(Runner(), CLOUD, requests.Session())  # type: ignore[arg-type]  # signs nothing


@pytest.fixture
def cloud(world: CloudWorld, tools: Tools) -> tuple[CloudWorld, Tools]:
    return world, tools


@pytest.fixture
def answering() -> Iterator[str]:
    """A server whose path says status and kind: ``/403/problem``."""

    def handle(request: Request) -> Response:
        _, status, kind = request.path.split("/")
        media = {"problem": "application/problem+json", "page": "text/html"}[kind]
        return Response(int(status), b"{}", media)

    with Server(handle) as server:
        yield server.url


def test_a_forged_token_has_good_claims_and_the_marker(world: CloudWorld) -> None:
    token = world.forged("https://x.run.app")

    claims = jwt.decode(token, verify=False)
    assert token.endswith(f".{MARKER}")
    assert tokens.MARKER == MARKER
    assert claims["aud"] == "https://x.run.app"
    assert claims["email"] == "motif-scheduler@my-project.iam.gserviceaccount.com"
    assert claims["email_verified"] is True


def service(ingress: str, ready: str = "True") -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "message": "no such image"}]
    return {
        "metadata": {"annotations": {"run.googleapis.com/ingress": ingress}},
        "status": {"conditions": conditions, "url": "https://x.run.app"},
    }


@pytest.mark.parametrize(
    ("ingress", "path", "good"),
    [
        ("all", "/401/page", True),
        ("all", "/403/page", True),
        ("all", "/404/page", False),
        ("all", "/200/page", False),
        ("all", "/403/problem", False),  # our own words: it has passed Cloud Run
        ("internal", "/404/page", True),
        ("internal", "/200/page", False),
        ("internal", "/401/problem", False),
    ],
)
def test_cloud_run_has_to_refuse_itself(
    cloud: tuple[CloudWorld, Tools], answering: str, ingress: str, path: str, good: bool
) -> None:
    world, tools = cloud
    tools.say("services describe motif-generator", service(ingress))
    answer = requests.get(answering + path, timeout=5)
    if good:
        world.refused(answer)
    else:
        with pytest.raises(Failed):
            world.refused(answer)


def test_a_service_is_what_cloud_run_says(world: CloudWorld, tools: Tools) -> None:
    tools.say("services describe motif-ingest", service("all"))
    tools.say("services describe motif-notifier", service("all", ready="False"))

    world.ready("ingest")
    assert world.url("ingest") == "https://x.run.app"
    with pytest.raises(Failed, match="no such image"):
        world.ready("notifier")


def test_subscriptions_are_found_through_their_triggers(world: CloudWorld, tools: Tools) -> None:
    tools.say("triggers describe motif-track-events", "projects/p/subscriptions/made-by-eventarc")
    tools.say("subscriptions describe made-by-eventarc", subscriptions.wanted("p", "track-events"))
    tools.say("projects describe", "1")
    tools.say("get-iam-policy made-by-eventarc", {})

    assert world.subscription("track-events")["ackDeadlineSeconds"] == 600
    assert not world.forwards("track-events")


def test_no_check_stops_the_next(
    world: CloudWorld, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that has never served has no address, and Firestore may be away."""

    def away() -> str:
        raise StoreUnavailable("Firestore read: PermissionDenied")

    tools.say("run services describe", {"metadata": {}, "status": {"conditions": []}})
    tools.say("logging read", "[]")
    tools.say("projects describe", "1")
    tools.say("describe", {})
    tools.say("get-iam-policy", {})
    monkeypatch.setattr(world, "api_key", away)
    monkeypatch.setattr(world, "storage", Storage(requests.Session(), "http://127.0.0.1:1"))

    found = {verdict.check: verdict.detail for verdict in verify(world)}

    assert list(found)[-1] == "objects-audio"
    assert found["forged-token"] == "KeyError 'url'"
    monkeypatch.setattr(world, "url", lambda _: "http://127.0.0.1:1")
    found = {verdict.check: verdict.detail for verdict in verify(world)}
    assert found["submit"] == "StoreUnavailable Firestore read: PermissionDenied"


def test_errors_are_told_in_one_line(world: CloudWorld, tools: Tools) -> None:
    entries = [{"jsonPayload": {"message": "a\nb"}}, {"textPayload": "c"}, {"protoPayload": {}}]
    tools.say("logging read", entries)
    assert world.errors("ingest") == ["a", "c", "(no text)"]
    assert told({"jsonPayload": {}, "textPayload": "x"}) == "x"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"severity": "ERROR", "message": "m"}', "m"),
        ('{"severity": "CRITICAL", "message": "m"}', "m"),
        ('{"severity": "WARNING", "message": "ERROR"}', ""),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ("listening on ERROR street", ""),
        ("[]", ""),
        ("", ""),
    ],
)
def test_lines_of_local_logs(line: str, said: str) -> None:
    assert error(line) == said


def test_the_operators_own_key_is_used(world: CloudWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIF_API_KEY", "mk_live_x_y")
    with world:
        assert world.api_key() == "mk_live_x_y"
