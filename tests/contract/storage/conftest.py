"""A Cloud Storage stand-in of our own, and Google's client pointed at it."""

import base64
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth import credentials
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Bucket, Client

from deploy.local.http import Server
from deploy.local.keys import SIGNER_ACCOUNT
from deploy.local.storage.server import application
from deploy.local.storage.state import State


@contextmanager
def _running(data: Path, keys_folder: Path) -> Iterator[Server]:
    state = State(data)
    try:
        with Server(application(state, data, keys_folder)) as server:
            yield server
    finally:
        state.close()


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="session")
def url(data: Path, keys_folder: Path) -> Iterator[str]:
    with _running(data, keys_folder) as server:
        yield server.url


@pytest.fixture
def client(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
    client = Client(project="motif-local", credentials=AnonymousCredentials())
    yield client
    client.close()


@pytest.fixture
def bucket(client: Client) -> Bucket:
    return client.create_bucket(f"b-{secrets.token_hex(6)}")


@pytest.fixture
def versioned(bucket: Bucket) -> Bucket:
    bucket.versioning_enabled = True
    bucket.patch()
    return bucket


@pytest.fixture
def restartable(tmp_path: Path, keys_folder: Path) -> Callable[[], AbstractContextManager[Server]]:
    """A server over one folder, to be started as often as one likes."""
    return lambda: _running(tmp_path, keys_folder)


@pytest.fixture
def arm(url: str, data: Path) -> Iterator[Callable[..., None]]:
    """`arm(action, count=1, **match)`; at the end of the test every rule must have fired."""
    armed: list[dict[str, Any]] = []
    log = data / "faults.jsonl"
    before = len(log.read_text().splitlines()) if log.exists() else 0

    def arm(action: dict[str, Any], **match: str) -> None:
        rule = {"match": match, "action": action}
        armed.append(rule)
        requests.post(f"{url}/_faults", json=[rule], timeout=5).raise_for_status()

    yield arm
    state = requests.get(f"{url}/_faults", timeout=5).json()
    requests.delete(f"{url}/_faults", timeout=5)
    fired = [json.loads(line) for line in log.read_text().splitlines()[before:]]
    assert state["armed"] == []
    assert [{k: f[k] for k in ("match", "action")} for f in fired] == armed


class SignBlob(credentials.Signing):
    """Credentials that hold no key: each signature is asked of IAM, as in the cloud."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1/projects/-/serviceAccounts/{SIGNER_ACCOUNT}:signBlob"

    @property
    def signer_email(self) -> str:
        return SIGNER_ACCOUNT

    @property
    def signer(self) -> None:
        raise NotImplementedError

    def sign_bytes(self, message: bytes) -> bytes:
        payload = {"payload": base64.b64encode(message).decode()}
        answer = requests.post(self._url, json=payload, timeout=5)
        answer.raise_for_status()
        return base64.b64decode(answer.json()["signedBlob"])


@pytest.fixture
def sign_blob(url: str) -> SignBlob:
    return SignBlob(url)
