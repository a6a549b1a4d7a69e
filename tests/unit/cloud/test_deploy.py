"""The four phases, against executables that answer as a project of Google Cloud would."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.cloud import cdn_keys, deploy, foundation, images, subscriptions
from deploy.cloud.commands import TABLE, command, examples
from deploy.cloud.names import SECRETS, SERVICES, TOPICS, Cloud
from deploy.cloud.runner import CommandFailed, Runner
from deploy.cloud.terraform import Terraform, agent_is_new
from shared import cdn
from shared.vault import Vault, fernets
from tests.support.scripted_tools import Tools

CLOUD = Cloud("my-project")
NUMBER = "123456789012"
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
    tools.say("projects describe", NUMBER)
    tools.say("--limit=1", "7")

    foundation.lay(Runner(), CLOUD, Terraform(Runner(), CLOUD))

    assert tools.called("versions list")
    assert tools.called("versions add") == []
    assert foundation.newest_versions(Runner(), CLOUD)["motif-session-keys"] == "7"


def test_a_dry_run_shows_every_phase_and_runs_nothing(
    tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy.main(["--project", "my-project", "--dry-run"])

    shown = capsys.readouterr()
    assert tools.calls == []
    for part in ("services enable", "builds submit", "terraform", "--ack-deadline=600"):
        assert part in shown.err
    assert [line[3] for line in shown.out.splitlines() if line.startswith("-- ")] == [*"1234"]


def test_images_may_be_built_here(tools: Tools) -> None:
    tools.say("images describe", f"sha256:{'c' * 64}")

    found = images.build(Runner(), CLOUD, "t1", local_docker=True)

    assert found.keys() == {*SERVICES}
    assert len(tools.called("docker build")) == len(tools.called("docker push")) == 3
    assert tools.called("builds submit") == []


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


def test_another_error_is_not_repeated(tools: Tools) -> None:
    tools.say("apply", "Error 403: not allowed\n", code=1)

    with pytest.raises(CommandFailed, match="403"):
        Terraform(Runner(), CLOUD, pause=0).apply()

    assert len(tools.called("apply")) == 1
    assert not agent_is_new("Error 400: something else")
    assert agent_is_new(AGENT_IS_NEW)


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
