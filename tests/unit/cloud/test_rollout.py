"""A new version takes over, or everything is as it was before."""

from collections.abc import Iterator
from typing import Any

import pytest

from deploy.cloud.names import SERVICES, Cloud
from deploy.cloud.rollout import NotRolledBack, Rollout, Unwell, candidate_url, serving
from deploy.cloud.runner import CommandFailed, Runner
from deploy.cloud.smoke import EXPECTED, SmokeFailed, smoke
from deploy.local.http import Request, Response, Server
from tests.support.scripted_tools import Tools

CLOUD = Cloud("my-project")
IMAGES = {service: f"repo/{service}@sha256:{'e' * 64}" for service in SERVICES}


@pytest.fixture
def candidate() -> Iterator[dict[str, int]]:
    """An ingest's answers, path -> status; ``url`` says where."""
    answers: dict[str, Any] = dict(EXPECTED)

    def handle(request: Request) -> Response:
        return Response.json({}, answers[request.path])

    with Server(handle) as server:
        answers["url"] = server.url
        yield answers


def before_and_after(tools: Tools, url: Any) -> None:
    traffic = [
        {"revisionName": "old", "percent": 100},
        {"revisionName": "new", "tag": "candidate", "url": url},
    ]
    status = {"traffic": traffic, "latestReadyRevisionName": "new"}
    tools.say("services describe", {"status": status})


def test_a_good_version_gets_a_tenth_and_then_all(tools: Tools, candidate: dict[str, int]) -> None:
    before_and_after(tools, candidate["url"])
    tools.say("logging read", "[]")

    Rollout(Runner(), CLOUD, 0).run(IMAGES)

    changes = [line for line in tools.calls if "update" in line]
    assert len(changes) == 9
    assert all("--no-traffic" in line and "@sha256:" in line for line in changes[:3])
    assert all("--to-revisions=old=90,new=10" in line for line in changes[3:6])
    assert all("--to-latest" in line for line in changes[6:])
    order = [line.split("motif-")[1].split()[0] for line in changes[:3]]
    assert order == ["notifier", "generator", "ingest"], "consumers before who writes to them"


def test_an_ill_one_gets_no_traffic(tools: Tools, candidate: dict[str, int]) -> None:
    before_and_after(tools, candidate["url"])
    candidate["/v1/models"] = 200  # everybody would be let in

    with pytest.raises(SmokeFailed, match="/v1/models answers 200, not 401"):
        Rollout(Runner(), CLOUD, 0, pause=0).run(IMAGES)

    assert tools.called("new=10") == []
    back = tools.called("--to-revisions=old=100")
    assert len(back) == 3
    assert all("--remove-tags=candidate" in line for line in back), "its tag has a URL for all"


def test_errors_in_its_logs_bring_the_old_one_back(tools: Tools, candidate: dict[str, int]) -> None:
    before_and_after(tools, candidate["url"])
    tools.say("logging read", [{"textPayload": "boom"}])

    with pytest.raises(Unwell):
        Rollout(Runner(), CLOUD, 0).run(IMAGES)

    assert tools.called("--to-latest") == []
    assert tools.calls[-1].count("--to-revisions=old=100") == 1


def test_a_revision_that_does_not_start_does_too(tools: Tools) -> None:
    before_and_after(tools, "http://127.0.0.1:1")
    tools.say("--no-traffic", "the container did not start\n", code=1)

    with pytest.raises(CommandFailed, match="did not start"):
        Rollout(Runner(), CLOUD, 0).run(IMAGES)

    assert len(tools.called("--to-revisions=old=100")) == 3


def test_what_cannot_be_brought_back_is_named_and_the_rest_is(tools: Tools) -> None:
    before_and_after(tools, "http://127.0.0.1:1")
    tools.say("--no-traffic", code=1)
    tools.say("update-traffic motif-generator", code=1)

    with pytest.raises(NotRolledBack, match="generator to old"):
        Rollout(Runner(), CLOUD, 0).run(IMAGES)

    assert len(tools.called("--to-revisions=old=100")) == 3


def test_nobody_at_the_address_is_a_failure() -> None:
    with pytest.raises(SmokeFailed, match="/startup answers 0"):
        smoke("http://127.0.0.1:1", pause=0)


def test_most_of_the_traffic_decides_what_serves() -> None:
    traffic = [{"revisionName": "a", "percent": 10}, {"revisionName": "b", "percent": 90}]
    assert serving({"status": {"traffic": [*traffic, {"revisionName": "c", "tag": "x"}]}}) == "b"
    with pytest.raises(SmokeFailed):
        candidate_url({"status": {"traffic": traffic}})
