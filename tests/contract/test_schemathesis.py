"""The document against the running service, judged by schemathesis in all its phases."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from services.ingest.identity.keys import NewKey
from shared.endings import Ending
from shared.ports import Create
from shared.track import Status
from shared.webhooks import ENDPOINTS, Endpoint, endpoint_id, endpoint_url
from tests.support.api import GOOD, Api, failed
from tests.support.closed import closed
from tests.support.deliveries import OLD, age, attempts, recorded
from tests.support.gemini import looking
from tests.support.images import SCENES, encoded
from tests.support.keyed import SESSION_KEY, Keyed
from tests.support.messages import completed_event
from tests.support.streams import Serving, run, serving

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("RACES") == "50"
EXAMPLES = 150 if FULL else 20
TENANT = "acme"
HOOK = "https://receiver.example/hook"
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 401, 404, 409, 422, 429]

[[operations]]
include-path = "/v1/tracks/{track_id}/stream"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-path = "/v1/webhooks/secrets/rotate"
checks.unsupported_method.enabled = false
"""
"""All checks are on. A good request may meet a state that it does not fit: none such, a key that
came before, too many. A plain GET is no handshake (426), and `rotate` stands where an id may be."""
PHASES = ("Examples", "Coverage", "Fuzzing", "Stateful")


@pytest.fixture(scope="module")
def key(public_api: Api) -> NewKey:
    return Keyed(public_api).key(TENANT)


@pytest.fixture(scope="module")
def ingest(public_api: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """As in the cloud, but that nobody waits long."""
    folder = tmp_path_factory.mktemp("ingest")
    env = {"API_AUTH": "on", "SESSION_KEYS": SESSION_KEY, "LONG_POLLS": "0"}
    with (
        looking(tmp_path_factory.mktemp("gemini")) as gemini,
        serving(
            public_api,
            folder,
            LEGACY_API_TENANT="legacy",
            GEMINI_ENDPOINT=gemini.url,
            IMAGES_PER_MINUTE="6000",
            **env,
        ) as started,
    ):
        yield started


def submitted(ingest: Serving, key: NewKey, **changes: Any) -> str:
    answer = requests.post(
        f"{ingest.url}/v1/tracks",
        json=GOOD | changes,
        headers={"Authorization": f"Bearer {key.text}"},
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["request_id"])


@pytest.fixture(scope="module")
def known(ingest: Serving, key: NewKey) -> dict[str, list[str]]:
    """Something of every kind."""
    api, now = ingest.api, ingest.api.store.clock.now()
    waiting = submitted(ingest, key, callback_url=HOOK)
    running, done, spare, late, told = (submitted(ingest, key, callback_url=HOOK) for _ in range(5))
    run(api, running, 0.4)
    api.end(done, Ending(Status.COMPLETED, result=completed_event().result[0]))
    api.end(spare, failed())
    api.end(late, Ending(Status.EXPIRED))
    row = recorded(api, told, attempts=attempts(2, now))
    age(api.store, row.webhook_id, row.created_at - OLD)
    picture = requests.post(
        f"{ingest.url}/v1/prompts",
        files={"image": encoded(SCENES["snow"]())},
        headers={"Authorization": f"Bearer {key.text}"},
        timeout=60,
    )
    place = Endpoint(
        endpoint_id=endpoint_id(TENANT, HOOK), tenant=TENANT, url=endpoint_url(HOOK), created_at=now
    )
    api.store.commit(Create(ENDPOINTS, place.endpoint_id, place))
    return {
        "kept": [waiting, running, late, told],
        "final": [done],
        "spare": [spare],
        "webhooks": [row.webhook_id],
        "endpoints": [place.endpoint_id],
        "images": [picture.json()["image_id"]],
        "keys": [key.text],
    }


def strict(ingest: Serving) -> dict[str, Any]:
    """The document as it is served, but that answers may hold nothing that it does not name."""
    document: dict[str, Any] = ingest.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    answers = {name: closed(schema) for name, schema in schemas.items() if name != "LegacyBody"}
    schemas.update(answers)
    return document


def judged(
    ingest: Serving, key: NewKey, known: dict[str, list[str]], folder: Path
) -> subprocess.CompletedProcess[str]:
    (folder / "schemathesis.toml").write_text(CONFIG)
    (folder / "openapi.json").write_text(json.dumps(strict(ingest)))
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "run"),
        *("openapi.json", "--url", ingest.url),
        *("--max-examples", str(EXAMPLES), "--workers", "1"),
        *("--header", f"Authorization: Bearer {key.text}"),
        *(() if FULL else ("--seed", "1")),  # the short run finds the same each time
        *("--request-timeout", "60", "--generation-database", "none", "--no-color"),
        *("--report", "ndjson", "--report-ndjson-path", str(folder / "events.ndjson")),
    ]
    env = {
        "PYTHONPATH": str(ROOT),
        "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
        "KNOWN": json.dumps(known),
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )


@pytest.mark.timeout(3600 if FULL else 600)
def test_no_fault_is_found_in_any_phase(
    ingest: Serving, key: NewKey, known: dict[str, list[str]], tmp_path: Path
) -> None:
    verdict = judged(ingest, key, known, tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert "Traceback" not in ingest.said()
    for phase in PHASES:
        assert f"✅  {phase} (in" in verdict.stdout
