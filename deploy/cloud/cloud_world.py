"""A project of Google Cloud as a world: gcloud tells of services, Storage's API of buckets."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cached_property
from typing import Any, Final, Self

import google.auth
import requests
from google.auth.transport.requests import AuthorizedSession

from deploy.cloud import subscriptions
from deploy.cloud.commands import command
from deploy.cloud.names import TOPICS, Cloud
from deploy.cloud.runner import Runner
from deploy.cloud.storage import Storage
from deploy.cloud.tokens import claims, unsigned
from deploy.cloud.world import REFUSED, Failed
from services.ingest.identity.keys import NewKey, new_key
from services.ingest.identity.registry import Registry
from shared.gcp.firestore import FirestoreStore

TENANT: Final = "motif-verify"
KEY: Final = "MOTIF_API_KEY"
"""The key to submit with; where it is not set, one is made and revoked again."""
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"


class CloudWorld:
    """What ``make deploy`` has made; see World. A context manager: it may have made a key."""

    topics = TOPICS
    track_seconds = 300.0

    def __init__(self, runner: Runner, cloud: Cloud, session: AuthorizedSession) -> None:
        """*session*: with the credentials of whoever verifies."""
        self._runner, self._cloud = runner, cloud
        self.project = cloud.project
        self.buckets = {"prompts": cloud.prompts_bucket, "output": cloud.output_bucket}
        self.storage, self.http = Storage(session), requests.Session()
        self._made: NewKey | None = None

    @classmethod
    def of(cls, runner: Runner, cloud: Cloud) -> Self:
        """With the application-default credentials. Raises GoogleAuthError without any."""
        return cls(runner, cloud, signed_in())

    def __enter__(self) -> Self:
        """Nothing is made before it is asked for."""
        return self

    def __exit__(self, *_: object) -> None:
        """Revoke the key."""
        if self._made:
            with closing(self._store()) as store:
                Registry(store).revoke(self._made.key_id)

    def url(self, service: str) -> str:
        """As Cloud Run tells it."""
        url: str = self._service(service)["status"]["url"]
        return url

    def ready(self, service: str) -> None:
        """Cloud Run says so of its newest revision."""
        for condition in self._service(service)["status"]["conditions"]:
            if condition["type"] == "Ready" and condition["status"] != "True":
                raise Failed(condition.get("message") or "not ready")

    def errors(self, service: str) -> Sequence[str]:
        """Of the last hour."""
        name = self._cloud.service(service)
        asked = command("errors", service=name, project=self.project)
        return [told(entry) for entry in json.loads(self._runner.ask(asked, sample="[]"))]

    def subscription(self, topic: str) -> Mapping[str, Any]:
        """The one behind the trigger."""
        name = self._behind(topic)
        return subscriptions.described(self._runner, self._cloud, topic, name)

    def forwards(self, topic: str) -> bool:
        """Pub/Sub's agent is a subscriber of it."""
        return subscriptions.may_forward(self._runner, self._cloud, self._behind(topic))

    def dead_letters(self, topic: str) -> Mapping[str, Any]:
        """Our own subscription."""
        return subscriptions.described(self._runner, self._cloud, topic, f"{topic}-dead-sub")

    def api_key(self) -> str:
        """The caller's, else a new one of a tenant of our own."""
        if given := os.environ.get(KEY):
            return given
        if self._made is None:
            made = new_key("live")
            with closing(self._store()) as store:
                Registry(store).add_key(TENANT, made, {})
            self._made = made
        return self._made.text

    def token(self, audience: str) -> str:
        """The operator needs roles/iam.serviceAccountTokenCreator on that account."""
        account = self._cloud.account("scheduler")
        asked = command("token", account=account, audience=audience)
        return self._runner.ask(asked, sample="token")

    def forged(self, audience: str) -> str:
        """Good claims, and the marker."""
        return unsigned(claims(self._cloud.account("scheduler"), audience))

    def refused(self, answer: requests.Response) -> None:
        """Cloud Run has to; where nobody outside may call, its front end hides the service."""
        if ours(answer):
            raise Failed("the service answered, not Cloud Run: it may be called by everybody")
        hidden = self._ingress("generator") != "all"
        if answer.status_code not in ((*REFUSED, 404) if hidden else REFUSED):
            raise Failed(f"answered {answer.status_code}, not 401 or 403")

    @cached_property
    def _services(self) -> dict[str, dict[str, Any]]:
        return {}

    def _service(self, service: str) -> dict[str, Any]:
        if service not in self._services:
            place = {"region": self._cloud.region, "project": self.project}
            asked = command("service", service=self._cloud.service(service), **place)
            self._services[service] = json.loads(self._runner.ask(asked, sample="{}"))
        return self._services[service]

    def _ingress(self, service: str) -> str:
        notes: dict[str, str] = self._service(service)["metadata"]["annotations"]
        return notes.get("run.googleapis.com/ingress", "all")

    def _behind(self, topic: str) -> str:
        return subscriptions.behind_trigger(self._runner, self._cloud, topic)

    def _store(self) -> FirestoreStore:
        return FirestoreStore(self.project, "(default)")


def signed_in() -> AuthorizedSession:
    """A session with the application-default credentials. Raises GoogleAuthError without any."""
    credentials, _ = google.auth.default(scopes=[_SCOPE])
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # untyped there


def ours(answer: requests.Response) -> bool:
    """Whether a refusal is one of our services': those are problem+json (RFC 9457)."""
    return "problem+json" in answer.headers.get("Content-Type", "")


def told(entry: Mapping[str, Any]) -> str:
    """What a log entry says, in one line, whatever its payload."""
    said = entry.get("jsonPayload", {}).get("message") or entry.get("textPayload") or "(no text)"
    return str(said).splitlines()[0]
