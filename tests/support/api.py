"""The public API over the real emulators, and what a request left behind."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from google.cloud import firestore
from werkzeug.test import TestResponse

from deploy.local.keys import SIGNER_ACCOUNT
from deploy.local.topology import create_buckets, create_pubsub
from services.ingest.app import create_app
from services.ingest.config import Settings
from shared.cures import failure
from shared.endings import Ending, end
from shared.errors import Code
from shared.gcp.firestore import FirestoreStore
from shared.messages import TrackRequested, decode_request
from shared.ports import Snapshot, Update
from shared.track import TRACKS, Status, Track
from tests.support.topics import Topics, fresh_project, topics
from tests.support.tracks import SOURCE, TIMING

BASE = "https://api.example"
GOOD = {"prompt": "warm strings at dawn", "duration_seconds": 20}
SUBSCRIPTION = "eventarc-track-requests"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""Signs for those who have no secret of their own."""
MAIN_KEY = "bWFpbiBrZXkgb2YgdGhlIHRlc3RzOiAzMiBieXRlcyE="


def failed() -> Ending:
    """An ending that can be retried."""
    return Ending(Status.FAILED, error=failure(Code.MODEL_REJECTED, "no"))


def refused(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The problem+json of an answer that must be this refusal."""
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    body = answer.get_json(force=True)
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert body["detail"]
    return dict(body)


class Api:
    """Ingest in one project; ``app`` is it with any origin allowed."""

    def __init__(self, project: str, storage_url: str, opened: Topics) -> None:
        self.project = project
        self.output = f"{project}-output"
        self.storage_url = storage_url
        self.topics = opened
        self.store = FirestoreStore(project)
        self.app = self.make(cors_origins="*")
        self.client = self.app.test_client()
        self._rows = firestore.Client(project=project)

    def close(self) -> None:
        self._rows.close()
        self.store.close()

    def make(self, checked: Settings | None = None, **changes: Any) -> Flask:
        """Ingest with other settings; what it did to the root logger is undone."""
        handlers, level = logging.root.handlers[:], logging.root.level
        try:
            with storage_at(self.storage_url):
                return create_app(checked or self.settings(**changes))
        finally:
            logging.root.handlers[:] = handlers
            logging.root.setLevel(level)

    def settings(self, **changes: Any) -> Settings:
        known = {
            "gcp_project": self.project,
            "output_bucket": self.output,
            "public_url": f"{BASE}/",
            "signing_account": SIGNER_ACCOUNT,
            "iam_endpoint": self.storage_url,
            "webhook_secret": SECRET,
            "webhook_main_keys": MAIN_KEY,
            "api_auth": "off",
        }
        return Settings(**(known | changes))

    def submit(self, body: Any = None, /, **changes: Any) -> TestResponse:
        """POST a good request, or *body*."""
        return self.client.post("/v1/tracks", json=GOOD | changes if body is None else body)

    def accepted(self, **changes: Any) -> str:
        """The id of a track that was accepted just now; its message is left in the topic."""
        answer = self.submit(**changes)
        assert answer.status_code == 202, answer.text
        return str(answer.json["request_id"]) if answer.json else ""

    def state(self, request_id: str, query: str = "") -> dict[str, Any]:
        """What the API shows of a track."""
        answer = self.client.get(f"/v1/tracks/{request_id}{query}")
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def documents(self) -> int:
        """How many tracks there are."""
        counted = self._rows.collection("tracks").count().get()
        return int(counted[0][0].value)

    def published(self) -> list[TrackRequested]:
        """The commands published since the last look; waits for one."""
        return [decode_request(message.data) for message in self.topics.pull(SUBSCRIPTION)]

    def untouched_since(self, documents: int) -> bool:
        """Whether nothing was stored or published: the next request is the next of both."""
        request_id = self.accepted()
        published = [message.request_id for message in self.published()]
        return self.documents() == documents + 1 and published == [request_id]

    def document(self, request_id: str) -> Snapshot[Track]:
        return self.store.get(TRACKS, request_id)

    def change(self, request_id: str, **fields: Any) -> None:
        """Write to a track past all rules."""
        seen = self.document(request_id)
        assert seen.value
        assert seen.version
        self.store.commit(Update(TRACKS, seen.id, replace(seen.value, **fields), seen.version))

    def end(self, request_id: str, ending: Ending) -> None:
        """End a track as a worker would."""
        ended = end(
            self.store, request_id, lambda *_: ending, nonce="n", source=SOURCE, timing=TIMING
        )
        assert ended == ending.status


@contextmanager
def storage_at(url: str) -> Iterator[None]:
    """Storage clients that are made inside talk to *url*."""
    with pytest.MonkeyPatch.context() as env:
        env.setenv("STORAGE_EMULATOR_HOST", url)
        yield


@contextmanager
def api(storage_url: str) -> Iterator[Api]:
    """Ingest in a project of its own."""
    project = fresh_project()
    create_pubsub(project)
    with storage_at(storage_url):
        create_buckets(project, f"{project}-prompts", f"{project}-output")
    with topics(project) as opened, closing(Api(project, storage_url, opened)) as made:
        yield made
