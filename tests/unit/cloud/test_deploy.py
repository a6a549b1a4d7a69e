"""The four phases, against executables that answer as a project of Google Cloud would."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.cloud import cdn_keys, deploy, foundation, images, subscriptions
from deploy.cloud.commands import TABLE, command, examples
from deploy.cloud.names import SECRETS, SERVICES, TOPICS, Cloud
from deploy.cloud.runner import CommandFailed, Runner
from deploy.cloud.terraform import Terraform, not_ready
from shared import cdn
from shared.vault import Vault, fernets
from tests.support.scripted_tools import Tools, state

CLOUD = Cloud("my-project")
NUMBER = "123456789012"
METRIC_IS_NEW = (
    "Error: Error creating Slo: googleapi: Error 400: Invalid SLO definition: The metric referenced"
    " by the provided filter is unknown. Check the metric name and labels.\n"
)
AGENT_IS_NEW = (
    "Error: Error creating Trigger: googleapi: Error 400: Invalid resource state for: "
    "Permission denied while using the Eventarc Service Agent.\n"
)
MEMBER = f"serviceAccount:service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com"


def a_project(tools: Tools) -> None:
    """One in which everything goes well, from empty to deployed."""
    tools.say("projects describe", NUMBER)
    tools.say("backend-buckets describe", code=1)
    tools.say("buckets describe", "", code=1)
    tools.say("--limit=1", "", times=len(SECRETS))
    tools.say("--limit=1", "1")
    tools.say("docker images describe", f"sha256:{'b' * 64}")
    tools.say("show -json", {"format_version": "1.0"})
    for topic in TOPICS:
        tools.say(f"describe motif-{topic}", f"projects/my-project/subscriptions/made-{topic}")
        tools.say(f"describe made-{topic}", subscriptions.wanted("my-project", topic))
    policy = {"bindings": [{"role": "roles/pubsub.subscriber", "members": [MEMBER]}]}
    tools.say("get-iam-policy", policy)


def test_an_empty_project_is_deployed_in_order(tools: Tools) -> None:
    a_project(tools)

    deploy.main(["--project", "my-project", "--tag", "t1"])

    marks = [
        *("services enable", "buckets create", "init", "-target=", "identity create"),
        *(
            "versions add",
            "builds submit",
            "images describe",
            "-var=secret_versions=",
            "triggers describe",
        ),
        *("subscriptions update", "add-iam-policy-binding made-", "subscriptions describe"),
    ]
    firsts = [next(i for i, line in enumerate(tools.calls) if mark in line) for mark in marks]
    assert firsts == sorted(firsts)
    _, whole = tools.called("-var=images=")
    assert json.loads(whole.split("-var=images=")[1].split(" -var=")[0]) == {
        service: f"us-central1-docker.pkg.dev/my-project/motif/{service}@sha256:{'b' * 64}"
        for service in SERVICES
    }
    versions = json.loads(whole.split("-var=secret_versions=")[1].split(" -var=")[0])
    assert versions == dict.fromkeys([f"motif-{secret}" for secret in SECRETS], "1")


def test_a_project_has_one_motif_in_one_region(tools: Tools) -> None:
    tools.say("buckets describe", "US-CENTRAL1\n")
    a_project(tools)

    with pytest.raises(SystemExit, match=r"is in us-central1.*GCP_REGION=us-central1"):
        deploy.main(["--project", "my-project", "--region", "europe-west4"])

    enabled, asked = tools.calls  # what is enabled already stays so
    assert "services enable" in enabled
    assert "buckets describe" in asked


def test_secrets_get_a_random_first_version_that_no_command_line_shows(tools: Tools) -> None:
    a_project(tools)

    foundation.lay(Runner(), CLOUD, Terraform(Runner(), CLOUD))

    made = {secret: tools.stdin(f"versions add motif-{secret}") for secret in SECRETS}
    assert not [line for line in tools.calls if any(text in line for text in made.values())]
    Vault(made["webhook-main-keys"])  # the services take them
    assert fernets(made["session-keys"])
    assert len(cdn.read_keys(made["cdn-keys"])) == 1
    assert made["webhook-main-keys"] != made["session-keys"]


def test_a_secret_with_a_version_is_left_alone(tools: Tools) -> None:
    tools.say("--limit=1", "7")
    a_project(tools)

    foundation.lay(Runner(), CLOUD, Terraform(Runner(), CLOUD))

    assert tools.called("versions list")
    assert tools.called("versions add") == []
    assert foundation.newest_versions(Runner(), CLOUD)["motif-session-keys"] == "7"


def test_a_state_bucket_that_was_only_just_made_gets_its_versions(tools: Tools) -> None:
    """The deployment before this one has ended between the two commands."""
    tools.say("buckets describe", "US-CENTRAL1")
    a_project(tools)

    foundation.lay(Runner(), CLOUD, Terraform(Runner(), CLOUD))

    assert tools.called("buckets create") == []
    assert len(tools.called("buckets update gs://my-project-motif-state --versioning")) == 1


def test_a_dry_run_shows_every_phase_and_runs_nothing(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy.main(["--project", "my-project", "--dry-run"])

    shown = capsys.readouterr()
    assert tools.calls == []
    for part in ("services enable", "builds submit", "terraform", "--ack-deadline=600"):
        assert part in shown.err
    assert [line[3] for line in shown.out.splitlines() if line.startswith("-- ")] == [*"1234"]


def test_a_service_that_did_not_start_is_mended_by_the_next_deployment(tools: Tools) -> None:
    """Terraform would replace it, and its own protection against deletion would refuse that."""
    service, secret = "google_cloud_run_v2_service.ingest", "google_secret_manager_secret.all"
    resources = {service: {"deletion_protection": True}, secret: {"deletion_protection": True}}
    tools.say("show -json", state(resources, tainted=(service,)))
    a_project(tools)

    deploy.main(["--project", "my-project"])

    (kept,) = tools.called("untaint")
    assert kept.endswith(service)
    assert tools.calls.index(kept) < tools.calls.index(tools.called("apply")[0])


def test_images_may_be_built_here(tools: Tools) -> None:
    tools.say("images describe", f"sha256:{'c' * 64}")

    found = images.build(Runner(), CLOUD, "t1", local_docker=True)

    assert found.keys() == {*SERVICES}
    assert len(tools.called("docker build")) == len(tools.called("docker push")) == 3
    assert tools.called("builds submit") == []


def test_builds_have_an_account_of_their_own_that_is_there_before(tools: Tools) -> None:
    """In a new project the default is Compute Engine's, which is not there without its API."""
    a_project(tools)

    deploy.main(["--project", "my-project"])

    said = (Path(__file__).parents[3] / "deploy/cloud/images.yaml").read_text()
    account = CLOUD.account("build").replace("my-project", "$PROJECT_ID")
    assert f"serviceAccount: projects/$PROJECT_ID/serviceAccounts/{account}\n" in said
    assert "CLOUD_LOGGING_ONLY" in said
    first, *_ = tools.called("apply")
    for kind in ("storage_bucket", "artifact_registry_repository", "project"):
        assert f"-target=google_{kind}_iam_member.all" in first
    (built,) = tools.called("builds submit")
    assert "gs://my-project-motif-build/source" in built
    assert "motif-state" not in built


def test_an_image_without_a_digest_is_not_deployed(tools: Tools) -> None:
    with pytest.raises(CommandFailed, match="no digest"):
        images.digests(Runner(), CLOUD, "t1")


def test_the_agent_of_a_new_project_is_waited_for(tools: Tools) -> None:
    tools.say("apply", AGENT_IS_NEW, code=1, times=5)

    Terraform(Runner(), CLOUD, pause=0).apply({"ingest": "i"})

    assert len(tools.called("apply")) == 6


def test_but_not_for_ever(tools: Tools) -> None:
    tools.say("apply", AGENT_IS_NEW, code=1)

    with pytest.raises(CommandFailed, match="Eventarc Service Agent"):
        Terraform(Runner(), CLOUD, pause=0).apply()

    assert len(tools.called("apply")) == 6


def test_objectives_wait_until_their_metrics_are_known(tools: Tools) -> None:
    """Ten minutes of pauses, whatever the agent took before."""
    tools.say("apply", AGENT_IS_NEW, code=1, times=5)
    tools.say("apply", METRIC_IS_NEW, code=1, times=10)

    Terraform(Runner(), CLOUD, pause=0).apply()

    assert len(tools.called("apply")) == 16


def test_but_they_do_not_for_ever_either(tools: Tools) -> None:
    tools.say("apply", METRIC_IS_NEW, code=1)

    with pytest.raises(CommandFailed, match="provided filter is unknown"):
        Terraform(Runner(), CLOUD, pause=0).apply()

    assert len(tools.called("apply")) == 12


def test_another_error_is_not_repeated(tools: Tools) -> None:
    tools.say("apply", "Error 403: not allowed\n", code=1)

    with pytest.raises(CommandFailed, match="403"):
        Terraform(Runner(), CLOUD, pause=0).apply()

    assert len(tools.called("apply")) == 1
    assert not not_ready("Error 400: something else")


def test_a_failed_phase_ends_with_the_commands_own_words(tools: Tools) -> None:
    tools.say("services enable", "billing is off\n", code=1)

    with pytest.raises(SystemExit, match="billing is off"):
        deploy.main(["--project", "my-project"])

    assert len(tools.calls) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ackDeadlineSeconds": 10}, "ackDeadlineSeconds is 10, not 600"),
        ({"retryPolicy": {"minimumBackoff": "10s"}}, "retryPolicy"),
        ({"deadLetterPolicy": {}}, "deadLetterPolicy"),
        ({"messageRetentionDuration": "86400s"}, "is 86400s, not 604800s"),
        ({"expirationPolicy": {"ttl": "2678400s"}}, "not without an end"),
    ],
)
def test_a_subscription_that_is_otherwise_is_an_error(
    tools: Tools, change: dict[str, Any], said: str
) -> None:
    tools.say("describe made-track-requests", subscriptions.wanted("p", "track-requests") | change)
    a_project(tools)

    with pytest.raises(subscriptions.WrongSettings, match=said):
        subscriptions.settle(Runner(), CLOUD)


def test_so_is_an_agent_that_may_not_take_dead_letters_off(tools: Tools) -> None:
    tools.say(
        "get-iam-policy", {"bindings": [{"role": "roles/pubsub.viewer", "members": [MEMBER]}]}
    )
    a_project(tools)

    with pytest.raises(subscriptions.WrongSettings, match="dead letters would stay"):
        subscriptions.settle(Runner(), CLOUD)


def test_no_policy_at_all_expires() -> None:
    found = subscriptions.wanted("p", "t")
    assert subscriptions.differences(found, "p", "t") == []
    del found["expirationPolicy"]
    assert len(subscriptions.differences(found, "p", "t")) == 1


def test_a_field_stays_one_argument_and_positions_come_first() -> None:
    member = "serviceAccount:a b"
    made = command("grant", project="p", member=member, role="r")
    assert f"--member={member}" in made
    assert examples().keys() == TABLE.keys()
    for line in examples().values():
        words = line.split()
        assert words[0] in ("gcloud", "terraform", "docker")
        assert "{" not in line


def test_a_command_that_is_not_installed_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for run in (lambda: Runner().do(["gcloud"]), lambda: Runner().ask(["gcloud"], sample="")):
        with pytest.raises(CommandFailed, match="not installed"):
            run()


def test_a_command_that_ends_before_it_reads_tells_why() -> None:
    fails = ["sh", "-c", "exec <&-; echo not signed in >&2; exit 3"]
    with pytest.raises(CommandFailed, match="not signed in"):
        Runner().do(fails, stdin="x" * 100_000)


@pytest.mark.parametrize("project", ["", "x", "Upper-case", "a b", "--help", "p;rm"])
def test_a_project_that_is_none_is_refused_before_anything_runs(tools: Tools, project: str) -> None:
    with pytest.raises(SystemExit):
        deploy.main([f"--project={project}"])
    assert tools.calls == []


def a_backend(tools: Tools, there: str, secret: str) -> None:
    tools.say("backend-buckets describe", there)
    tools.say("versions access", secret)


def test_cdn_keys_are_put_on_the_backend_unseen_and_old_ones_taken_off(tools: Tools) -> None:
    text = "AAAAAAAAAAAAAAAAAAAAAQ=="
    a_backend(tools, "old;kept", f"new:{text} kept:AAAAAAAAAAAAAAAAAAAAAg==")

    cdn_keys.add(Runner(), CLOUD)
    assert tools.called("delete-signed-url-key") == []
    cdn_keys.drop(Runner(), CLOUD)

    (added,) = tools.called("add-signed-url-key")
    assert "--key-name=new " in added
    assert text not in added
    assert tools.stdin("add-signed-url-key") == text
    (dropped,) = tools.called("delete-signed-url-key")
    assert "--key-name=old " in dropped


def test_without_a_domain_there_is_nothing_to_put_keys_on(tools: Tools) -> None:
    tools.say("backend-buckets describe", code=1)

    cdn_keys.add(Runner(), CLOUD)
    cdn_keys.drop(Runner(), CLOUD)

    assert tools.called("versions access") == []


@pytest.mark.parametrize(
    "left", ["deploy/terraform/.terraform/providers/google", "motif.tfvars", ".terraform.lock.hcl"]
)
def test_what_a_deployment_leaves_here_is_not_sent_to_the_builder(left: str) -> None:
    """Without a .gcloudignore of its own, gcloud leaves out what git does."""
    root = Path(__file__).parents[3]
    assert not (root / ".gcloudignore").exists()
    asked = ["git", "check-ignore", "--no-index", "--quiet", left]
    assert subprocess.run(asked, cwd=root, check=False).returncode == 0
