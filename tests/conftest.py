"""What every test may ask for: the emulators, a project of its own, the signing keys."""

import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import keys
from tests.support.emulation import Emulators
from tests.support.processes import running


def pytest_configure() -> None:
    # Shells start what runs in the background with Ctrl-C ignored, and children inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and "emulators" in item.fixturenames:
            item.add_marker("emulators")


@pytest.fixture(scope="session")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulators]:
    """Google's Pub/Sub and Firestore emulators, their variables set; absent ones are a failure."""
    running = Emulators(tmp_path_factory.mktemp("emulators"))
    with pytest.MonkeyPatch.context() as env:
        try:
            for name, value in running.start().items():
                env.setenv(name, value)
            env.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
            yield running
        finally:
            running.stop()


@pytest.fixture(scope="module", autouse=True)
def _own_addresses(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whole stacks that other modules have left running in this process keep to themselves."""
    names = {
        name
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
        for name in item.fixturenames
    }
    with pytest.MonkeyPatch.context() as env:
        if "emulators" in names:
            for name, value in request.getfixturevalue("emulators").variables.items():
                env.setenv(name, value)
        if "storage" in names:
            env.setenv("STORAGE_EMULATOR_HOST", request.getfixturevalue("storage"))
        yield


@pytest.fixture
def project(emulators: Emulators) -> str:
    """A project id that no other test has: isolation in both emulators, for free."""
    return f"t-{secrets.token_hex(6)}"


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the OIDC and the signer key."""
    folder = tmp_path_factory.mktemp("keys")
    keys.ensure(folder)
    return folder


@pytest.fixture(scope="session")
def storage(keys_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of our Cloud Storage, its variable set."""
    folder = tmp_path_factory.mktemp("storage")
    arguments = "--data", folder / "data", "--keys", keys_folder
    with (
        running("deploy.local.storage", *arguments, log=folder / "log") as url,
        pytest.MonkeyPatch.context() as env,
    ):
        env.setenv("STORAGE_EMULATOR_HOST", url)
        yield url
