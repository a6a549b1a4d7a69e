"""The whole local stack under test, and the truth about it from the outside."""

import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client as Firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.storage import Client as Storage
from standardwebhooks import Webhook

from deploy.local.stack import Stack
from services.generator.prompt import Version, place
from tests.support.waiting import wait_for

PATIENCE = float(os.environ.get("PATIENCE", "90"))
ENDED = ("completed", "failed", "cancelled", "expired")


@dataclass(frozen=True)
class Sent:
    """A submitted track and the text the model will be asked with."""

    id: str
    hook: str
    model_prompt: str


class Rig:
    """Drives the stack as its users do; looks at it as its operators do."""

    def __init__(self, stack: Stack, failpoints: Path) -> None:
        self.stack = stack
        self.info: Mapping[str, Any] = stack.info
        self.failpoints = failpoints
        self.http = requests.Session()

    @contextmanager
    def addressed(self) -> Iterator[None]:
        """Google's clients that are made inside talk to this stack, whatever others run here."""
        with pytest.MonkeyPatch.context() as env:
            for name in ("firestore", "pubsub", "storage"):
                env.setenv(f"{name.upper()}_EMULATOR_HOST", self.info[name])
            yield

    # --- the public API

    def submit(self, *, key: str = "", patient: bool = False, **fields: Any) -> Sent:
        """POST one track; *patient* repeats it with its key until it is answered."""
        hook = f"/hook/{uuid.uuid4().hex}"
        body = {
            "prompt": f"warm strings {uuid.uuid4().hex}",
            "duration_seconds": 1,
            "callback_url": self.info["webhook_sink"] + hook,
            **fields,
        }
        key = key or uuid.uuid4().hex
        answer = self._post(f"{self.info['api']}/v1/tracks", body, key, patient=patient)
        assert answer.status_code == 202, answer.text
        style = body.get("style", "instrumental")
        text = f"Generate {style} music: {body['prompt']}, moderate tempo"
        return Sent(answer.json()["request_id"], hook, text)

    def _post(self, url: str, body: Any, key: str, *, patient: bool) -> requests.Response:
        def once() -> requests.Response | None:
            try:
                return self.http.post(url, json=body, headers={"Idempotency-Key": key}, timeout=30)
            except requests.ConnectionError:
                if not patient:
                    raise
                time.sleep(0.1)  # the service is being killed: its user tries again
                return None

        # A Response is false when its status is an error.
        return wait_for(lambda: [r] if (r := once()) is not None else [], 60)[0]

    def get(self, track_id: str) -> dict[str, Any]:
        answer = self.http.get(f"{self.info['api']}/v1/tracks/{track_id}", timeout=30)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def post(self, track_id: str, action: str) -> requests.Response:
        return self.http.post(f"{self.info['api']}/v1/tracks/{track_id}/{action}", timeout=30)

    def ended(self, track_id: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The track once it has ended."""

        def look() -> dict[str, Any] | None:
            body = self.get(track_id)
            time.sleep(0.05)
            return body if body["status"] in ENDED else None

        found = wait_for(look, seconds)
        assert found is not None
        return found

    def parked(self, sent: Sent) -> dict[str, Any]:
        """The track's document once it waits for something."""

        def look() -> dict[str, Any] | None:
            document = self.document(sent.id)
            return document if document["park"] else None

        found = wait_for(look, PATIENCE)
        assert found is not None
        return found

    # --- the truth outside the services

    def paid(self, sent: Sent) -> list[float]:
        """Times of the calls that the model was paid for, for this track."""
        return sorted(at for times in self.paid_clips(sent).values() for at in times)

    def paid_clips(self, sent: Sent) -> dict[int, list[float]]:
        """The same for each seed, so for each version of each clip."""
        places = {place(Version(clip, 4)) for clip in range(4)} | {""}
        prompts = {", ".join(filter(None, (sent.model_prompt, part))) for part in places}
        digests = {hashlib.sha256(prompt.encode()).hexdigest() for prompt in prompts}
        found: dict[int, list[float]] = {}
        for line in self.paid_lines():
            if line["prompt_sha256"] in digests:
                found.setdefault(line["seed"], []).append(line["time"])
        return found

    def paid_lines(self) -> list[dict[str, Any]]:
        return _lines(Path(self.info["paid_calls"]))

    def hooks(self, sent: Sent) -> list[dict[str, Any]]:
        """What the sink received for this track."""
        url = f"{self.info['webhook_sink']}/_received?path={sent.hook}"
        received: list[dict[str, Any]] = self.http.get(url, timeout=30).json()
        return received

    def hooked(self, sent: Sent, seconds: float = 30) -> list[dict[str, Any]]:
        """What the sink received, once it has received anything; one id, one body, verified."""
        received = wait_for(lambda: self.hooks(sent), seconds)
        assert len({hook["headers"]["webhook-id"] for hook in received}) == 1
        assert len({hook["body"] for hook in received}) == 1
        for hook in received:
            Webhook(self.info["webhook_secret"]).verify(hook["body"], hook["headers"])
        return received

    def settled(self, track_id: str, seconds: float = 30) -> dict[str, Any]:
        """The track's document once nothing is left to do."""

        def look() -> dict[str, Any] | None:
            document = self.document(track_id)
            time.sleep(0.05)
            return document if document.get("wake_at") == document.get("clips_due") else None

        found = wait_for(look, seconds)
        assert found is not None
        return found

    def document(self, track_id: str) -> dict[str, Any]:
        found = self._firestore().collection("tracks").document(track_id).get().to_dict()
        assert found is not None
        return found

    def usage(self, track_id: str) -> list[dict[str, Any]]:
        query = (
            self._firestore()
            .collection("usage")
            .where(filter=FieldFilter("request_id", "==", track_id))
        )
        return [row.to_dict() or {} for row in query.get()]

    def _firestore(self) -> Firestore:
        if not hasattr(self, "_firestore_client"):
            with self.addressed():
                self._firestore_client = Firestore(project=self.info["project"])
        return self._firestore_client

    def storage(self) -> Storage:
        if not hasattr(self, "_storage_client"):
            with self.addressed():
                self._storage_client = Storage(
                    project=self.info["project"], credentials=AnonymousCredentials()
                )
        return self._storage_client

    def clip_created(self, track_id: str) -> dict[str, float]:
        """When each clip object was made, by its name."""
        blobs = self.storage().list_blobs(self.info["output_bucket"], prefix=f"clips/{track_id}/")
        return {blob.name: blob.time_created.timestamp() for blob in blobs}

    # --- faults

    def fault(self, part: str, *rules: Mapping[str, Any]) -> None:
        """Arm fault rules of a stand-in (``vertex``, ``relay``, ``storage``, ``webhook_sink``)."""
        answer = self.http.post(f"{self.info[part]}/_faults", json=list(rules), timeout=30)
        assert answer.ok, answer.text

    def fired(self, part: str) -> int:
        found: int = self.http.get(f"{self.info[part]}/_faults", timeout=30).json()["fired"]
        return found

    def calm(self, part: str) -> None:
        assert self.http.delete(f"{self.info[part]}/_faults", timeout=30).ok

    def arm(self, name: str, action: str, *, count: int = 1, seconds: float = 0) -> None:
        order = {"action": action, "count": count, "seconds": seconds}
        (self.failpoints / f"{name}.json").write_text(json.dumps(order))

    def disarm(self) -> None:
        for order in self.failpoints.glob("*.json"):
            order.unlink()

    def shots(self, name: str = "") -> list[Path]:
        """Marker files of failpoints that fired, one per kill (``NAME.K``)."""
        found = (self.failpoints / "fired").glob(f"{name or '*'}.[0-9]*")
        return [path for path in found if "~" not in path.name]

    def close(self) -> None:
        self.http.close()
        for name in ("_firestore_client", "_storage_client"):
            if hasattr(self, name):
                getattr(self, name).close()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def unpaid_for_nothing(rig: Rig, tracks: Iterable[Sent], clips: int = 1) -> None:
    """The bound on paid calls: never after the clip is stored, and one more per death before."""
    deaths = [shot.stat().st_mtime for shot in rig.shots()]
    for sent in tracks:
        created = clips_by_seed(rig, sent)
        paid = rig.paid_clips(sent)
        assert len(created) == clips
        assert paid.keys() == created.keys()
        for seed, stored in created.items():
            assert all(at <= stored for at in paid[seed]), "paid for a clip that was stored"
            in_window = [at for at in deaths if at <= stored]
            assert 1 <= len(paid[seed]) <= 1 + len(in_window), (paid[seed], in_window)


def clips_by_seed(rig: Rig, sent: Sent) -> dict[int, float]:
    """When each clip of a completed track was stored, by the seed it was asked with."""
    blob = rig.storage().bucket(rig.info["output_bucket"]).blob(f"metadata/{sent.id}.json")
    created = rig.clip_created(sent.id)
    clips = json.loads(blob.download_as_bytes())["clips"]
    return {clip["seed"]: created[clip["object"]] for clip in clips}
