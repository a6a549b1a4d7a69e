"""Phase 1: APIs, the bucket of Terraform's state, registry, Google's agents, secrets."""

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import Final

from deploy.cloud import state_bucket
from deploy.cloud.commands import command
from deploy.cloud.names import SECRETS, Cloud, agent
from deploy.cloud.runner import Runner
from deploy.cloud.terraform import Terraform

TARGETS: Final = (
    "google_project_service.all",
    "google_artifact_registry_repository.images",
    "google_secret_manager_secret.all",
    # What Cloud Build builds as, from and for; bindings of services come with the services.
    "google_storage_bucket_iam_member.all",
    "google_artifact_registry_repository_iam_member.all",
    "google_project_iam_member.all",
    # Cloud Monitoring knows a new one only after minutes, and refuses objectives on it until then.
    "google_logging_metric.all",
)
AGENTS: Final = {
    "eventarc.googleapis.com": ("gcp-sa-eventarc", "roles/eventarc.serviceAgent"),
    "pubsub.googleapis.com": ("gcp-sa-pubsub", "roles/pubsub.serviceAgent"),
    "run.googleapis.com": ("serverless-robot-prod", "roles/run.serviceAgent"),
    "cloudscheduler.googleapis.com": ("gcp-sa-cloudscheduler", "roles/cloudscheduler.serviceAgent"),
}
"""API -> where its agent lives, and the role without which it does nothing."""


def lay(runner: Runner, cloud: Cloud, terraform: Terraform) -> None:
    """Make what images and services need to be there; safe to repeat.

    Raises:
        CommandFailed: one of the steps.
        WrongRegion: there is a Motif elsewhere; nothing of it was touched.
    """
    runner.do(command("enable", project=cloud.project))
    _keep_state(runner, cloud)
    terraform.init()
    terraform.keep_unfinished()
    terraform.apply(targets=TARGETS)
    number = project_number(runner, cloud)
    for api, (host, role) in AGENTS.items():
        runner.do(command("agent", service=api, project=cloud.project))
        member = agent(number, host)
        runner.do(command("grant", project=cloud.project, member=member, role=role))
    for secret in SECRETS:
        _first_version(runner, cloud, secret)


def project_number(runner: Runner, cloud: Cloud) -> str:
    """The number that Google's agents and URLs are named by. Raises CommandFailed."""
    return runner.ask(command("project number", project=cloud.project), sample="123456789012")


def _keep_state(runner: Runner, cloud: Cloud) -> None:
    bucket = cloud.state_bucket
    if not state_bucket.there(runner, cloud, sample=False):
        where = {"region": cloud.region, "project": cloud.project}
        runner.do(command("create bucket", bucket=bucket, **where))
    runner.do(command("version bucket", bucket=bucket))  # also where this was as far as we came


def newest_versions(runner: Runner, cloud: Cloud) -> dict[str, str]:
    """Secret -> number of its newest enabled version. Raises CommandFailed."""
    found = {}
    for secret in map(cloud.service, SECRETS):
        asked = command("secret versions", secret=secret, project=cloud.project)
        found[secret] = runner.ask(asked, sample="1")
    return found


def _first_version(runner: Runner, cloud: Cloud, secret: str) -> None:
    """Random bytes where the secret has no version; nobody ever sees them."""
    name = cloud.service(secret)
    asked = command("secret versions", secret=name, project=cloud.project)
    if not runner.ask(asked, sample=""):
        add = command("add secret version", secret=name, project=cloud.project)
        runner.do(add, stdin=MADE[secret]())


def _main_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _cdn_key() -> str:
    return f"key-1:{base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()}"


MADE: Final[Mapping[str, Callable[[], str]]] = {
    "webhook-main-keys": _main_key,
    "session-keys": _main_key,
    "cdn-keys": _cdn_key,
}
"""Secret -> how its first value is made, in the form that the services read."""
