"""Nothing is destroyed by accident, and what is left is said."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.cloud import destroy, leftovers, monitors
from deploy.cloud.names import SERVICES, Cloud
from deploy.cloud.runner import Runner
from deploy.local.http import Request, Response, Server
from tests.support.scripted_tools import Tools, state

CLOUD = Cloud("my-project")
IMAGE = f"host/motif/x@sha256:{'d' * 64}"
RUNS = {"spec": {"template": {"spec": {"containers": [{"image": IMAGE}]}}}}
OURS = "serviceAccount:motif-ingest@my-project.iam.gserviceaccount.com"
BURIED = f"deleted:{OURS}?uid=123"
RESOURCE = re.compile(r'^resource "(\w+)" "(\w+)" {\n(.*?)^}', re.MULTILINE | re.DOTALL)
SERVICE = "google_cloud_run_v2_service"
SECRET = 'google_secret_manager_secret.all["motif-session-keys"]'
GUARDED = {
    **{f"{SERVICE}.{service}": {"deletion_protection": True} for service in SERVICES},
    SECRET: {"deletion_protection": True},
    "google_firestore_database.motif": {"delete_protection_state": "DELETE_PROTECTION_ENABLED"},
    "google_storage_bucket.output": {"force_destroy": False},
    "google_storage_bucket.prompts": {"force_destroy": False},
    "google_pubsub_topic.all": {"name": "track-requests"},
}
OTHERS = (
    "user:me@example.com",
    "serviceAccount:motif-ingest@another.iam.gserviceaccount.com",
    "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com",
)


@pytest.fixture(autouse=True)
def monitoring(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Cloud Monitoring's answers, path and page -> body, or a status; 404 for all others."""
    answers: dict[str, Any] = {}

    def handle(request: Request) -> Response:
        assert request.headers["Authorization"].startswith("Bearer")
        page = request.query.get("pageToken", "")
        answer = answers.get(request.path.removeprefix("/v3/projects/my-project/") + page, 404)
        return Response(answer) if isinstance(answer, int) else Response.json(answer)

    with Server(handle) as server:
        monkeypatch.setattr(monitors, "GOOGLE", server.url)
        monkeypatch.setenv("no_proxy", "*")
        yield answers


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files to forget that is not the repository's."""
    made = tmp_path / "root"
    (made / "deploy/terraform/.terraform").mkdir(parents=True)
    (made / "deploy/terraform/.terraform.lock.hcl").touch()
    (made / "deploy/terraform/services.tf").touch()
    monkeypatch.setattr(destroy, "ROOT", made)
    return made


def deployed(tools: Tools) -> None:
    tools.say("buckets describe", "US-CENTRAL1", times=2)
    tools.say("run services describe", RUNS)
    tools.say("show -json", state(GUARDED))
    tools.say("storage ls", "gs://b/o#1\n")
    policy = {"bindings": [{"role": "roles/x", "members": [OURS, BURIED, *OTHERS]}]}
    tools.say("projects get-iam-policy", policy, times=1)
    tools.say("projects get-iam-policy", {})


def test_everything_goes_in_an_order_that_works(
    tools: Tools, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(tools)
    made = "projects/my-project/subscriptions/eventarc-us-central1-motif-track-requests-sub-1"
    tools.say("subscriptions list", f"{made}\n", times=1)
    monkeypatch.setenv("YES", "my-project")

    with pytest.raises(SystemExit) as ended:
        destroy.main(["--project", "my-project"])

    assert ended.value.code == 0
    assert "Nothing is left." in capsys.readouterr().out
    marks = [
        *(" init ", " apply ", "storage rm gs://my-project-motif-prompts/**", " destroy "),
        *("subscriptions delete eventarc-", "remove-iam-policy-binding", "--recursive"),
    ]
    firsts = [next(i for i, line in enumerate(tools.calls) if mark in line) for mark in marks]
    assert firsts == sorted(firsts)
    (unguard,) = tools.called(" apply ")
    assert "-var=deletion_protection=false" in unguard
    assert json.loads(unguard.split("-var=images=")[1].split(" -var=")[0]) == dict.fromkeys(
        sorted(SERVICES), IMAGE
    )
    assert all(
        "--all-versions" in line for line in tools.called("storage rm gs://my-project-motif-o")
    )
    assert len(tools.called("remove-iam-policy-binding")) == 2
    assert [path.name for path in (root / "deploy/terraform").iterdir()] == ["services.tf"]


def test_what_is_left_is_listed_and_is_a_failure(
    tools: Tools, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(tools)
    tools.say("services list", "motif-ingest\n")
    tools.say("jobs list", "no permission\n", code=1)
    monkeypatch.setenv("YES", "my-project")

    with pytest.raises(SystemExit) as ended:
        destroy.main(["--project", "my-project"])

    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "services: motif-ingest" in said
    assert "jobs: could not be listed" in said


def test_what_monitors_is_left_too(tools: Tools, monitoring: dict[str, Any]) -> None:
    mine = "projects/my-project/alertPolicies/1"
    theirs = {"name": "projects/my-project/alertPolicies/2", "displayName": "Disk full"}
    slo = "projects/1/services/motif/serviceLevelObjectives/api-available"
    monitoring["alertPolicies"] = {"alertPolicies": [theirs], "nextPageToken": "-more"}
    monitoring["alertPolicies-more"] = {
        "alertPolicies": [{"name": mine, "displayName": "Motif: x"}]
    }
    monitoring["services/motif/serviceLevelObjectives"] = {
        "serviceLevelObjectives": [{"name": slo}]
    }
    monitoring["notificationChannels"] = 403
    service = "projects/1/services/motif"
    monitoring["services"] = {"services": [{"name": service, "displayName": "Motif"}]}
    tools.say("get-iam-policy", {})

    assert leftovers.everything(Runner(), CLOUD) == [
        f"alerts: {mine}",
        "channels: could not be listed (403: )",
        f"monitored: {service}",
        f"objectives: {slo}",
    ]


@pytest.mark.parametrize("answer", ["", "yes", "another-project", "my-project2"])
def test_only_the_projects_own_name_is_a_yes(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)
    assert not destroy.confirmed("my-project", lambda _: answer)
    assert destroy.confirmed("my-project", lambda _: "my-project\n")


def test_a_wrong_name_touches_nothing(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YES", "another-project")
    with pytest.raises(SystemExit, match="Nothing was touched"):
        destroy.main(["--project", "my-project"])
    assert tools.calls == []


def test_no_answer_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)

    def closed(_: str) -> str:
        raise EOFError

    assert not destroy.confirmed("my-project", closed)


def test_a_forgotten_region_destroys_nothing(
    tools: Tools, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(tools)
    monkeypatch.setenv("YES", "my-project")

    with pytest.raises(SystemExit, match=r"Nothing was touched.*GCP_REGION=us-central1"):
        destroy.main(["--project", "my-project", "--region", "europe-west4"])

    (asked,) = tools.calls
    assert "buckets describe" in asked
    assert (root / "deploy/terraform/.terraform.lock.hcl").exists()


def test_a_project_where_nothing_was_deployed_is_left_alone(tools: Tools, root: Path) -> None:
    tools.say("buckets describe", code=1)
    tools.say("get-iam-policy", {})

    assert destroy.destroy(Runner(), CLOUD, Asked()) == []  # type: ignore[arg-type]  # as parsed
    assert tools.called("terraform") == []
    assert tools.called(" delete ") == []


def test_only_our_own_accounts_lose_their_roles() -> None:
    policy = {"bindings": [{"role": "r", "members": [OURS, BURIED, *OTHERS]}]}
    assert leftovers.ours(policy, "my-project") == {(OURS, "r"), (BURIED, "r")}


def test_everything_that_terraform_guards_is_unguarded_first(
    tools: Tools, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = {
        f"{kind}.{name}"
        for file in (Path(__file__).parents[3] / "deploy/terraform").glob("*.tf")
        for kind, name, body in RESOURCE.findall(file.read_text())
        if "var.deletion_protection" in body
    }
    assert len(guarded) == 7
    deployed(tools)
    monkeypatch.setenv("YES", "my-project")

    with pytest.raises(SystemExit):
        destroy.main(["--project", "my-project"])

    (unguard,) = tools.called(" apply ")
    assert targets(unguard) == guarded


def targets(line: str) -> set[str]:
    return set(re.findall(r"-target=(\S+)", line))


class Asked:
    var_file = ""


def half_deployed(tools: Tools, *resources: str, tainted: tuple[str, ...] = ()) -> None:
    tools.say("buckets describe", "US-CENTRAL1", times=2)
    tools.say("show -json", state({one: GUARDED[one] for one in resources}, tainted=tainted))
    tools.say("get-iam-policy", {})


def test_half_a_deployment_goes_too(tools: Tools, root: Path) -> None:
    """A deployment that has failed in phase 2 has guarded secrets, and no service."""
    half_deployed(tools, SECRET)
    tools.say("run services describe", code=1)

    destroy.destroy(Runner(), CLOUD, Asked())  # type: ignore[arg-type]  # as parsed

    (unguard,) = tools.called(" apply ")
    assert "-var=deletion_protection=false" in unguard
    assert targets(unguard) == {"google_secret_manager_secret.all"}
    assert tools.calls.index(unguard) < tools.calls.index(tools.called(" destroy ")[0])


def test_what_did_not_start_is_unguarded_as_it_is(tools: Tools, root: Path) -> None:
    """Replacing it, as Terraform would, begins with a deletion that is refused."""
    generator = f"{SERVICE}.generator"
    half_deployed(tools, SECRET, generator, tainted=(generator,))
    tools.say("run services describe motif-generator", RUNS)
    tools.say("run services describe", code=1)

    destroy.destroy(Runner(), CLOUD, Asked())  # type: ignore[arg-type]  # as parsed

    (unguard,) = tools.called(" apply ")
    assert targets(unguard) == {"google_secret_manager_secret.all", generator}
    assert IMAGE in unguard
    (kept,) = tools.called(f"untaint {generator}")
    assert tools.calls.index(kept) < tools.calls.index(unguard)


def test_nothing_is_made_to_be_destroyed(tools: Tools, root: Path) -> None:
    """A second try: what is unguarded stays so, and a service that is gone stays gone."""
    half_deployed(tools, f"{SERVICE}.ingest")
    tools.say("run services describe", code=1)

    destroy.destroy(Runner(), CLOUD, Asked())  # type: ignore[arg-type]  # as parsed

    assert tools.called(" apply ") == []
    assert tools.called(" destroy ")
