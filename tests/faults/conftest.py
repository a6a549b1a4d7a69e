from collections.abc import Iterator

import pytest

from tests.support.poison import publish_poison
from tests.support.rig import Rig
from tests.support.rigs import FAST, running_rig

SCALE = 0.05


@pytest.fixture(scope="session")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("faults"), {**FAST, "TIME_SCALE": str(SCALE)}) as rig:
        yield rig


@pytest.fixture(scope="session")
def poisoned(shared_rig: Rig) -> dict[str, set[bytes]]:
    """Poison, on its way from the start: ten attempts take two scaled minutes."""
    with shared_rig.addressed():
        return publish_poison(shared_rig)


@pytest.fixture
def rig(poisoned: object, shared_rig: Rig) -> Iterator[Rig]:
    with shared_rig.addressed():
        yield shared_rig
    shared_rig.disarm()
    for marker in (shared_rig.failpoints / "fired").iterdir():
        marker.unlink()
    for part in ("vertex", "relay", "storage", "webhook_sink"):
        shared_rig.calm(part)
