"""The public API, and the Cloud Storage stand-in as a process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import shutdown
from shared.gcp.firestore import FirestoreStore
from shared.gcp.storage import BucketObjects, storage_client
from tests.support.api import Api, api, storage_at
from tests.support.bench import Bench
from tests.support.emulation import Emulators
from tests.support.processes import running
from tests.support.receiver import Receiver, Stack


@pytest.fixture(scope="session")
def storage_url(tmp_path_factory: pytest.TempPathFactory, keys_folder: Path) -> Iterator[str]:
    """Cloud Storage and IAM as the process that they are in the local stack."""
    folder = tmp_path_factory.mktemp("storage-process")
    arguments = ("--data", folder / "data", "--keys", keys_folder)
    with running("deploy.local.storage", *arguments, log=folder / "log") as url:
        yield url


@pytest.fixture(scope="module")
def public_api(emulators: Emulators, storage_url: str) -> Iterator[Api]:
    """Ingest in a project that one module's tests share."""
    with api(storage_url) as made:
        yield made


@pytest.fixture
def bench(project: str, storage_url: str) -> Iterator[Bench]:
    """A generator's surroundings in a project of their own."""
    with storage_at(storage_url):
        client = storage_client(project)
    client.create_bucket(f"{project}-output")
    store = FirestoreStore(project)
    yield Bench(store, BucketObjects(client, f"{project}-output"))
    store.close()
    client.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A customer's server."""
    receiver = Receiver()
    with receiver.server:
        yield receiver


@pytest.fixture
def stack(project: str) -> Iterator[Stack]:
    """The notifier in a project of its own."""
    store = FirestoreStore(project)
    yield Stack(store)
    store.close()
    shutdown.reset()
