from collections.abc import Iterator

import pytest

from tests.support.rig import Rig
from tests.support.rigs import running_rig


@pytest.fixture(scope="session")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("e2e"), {"VERTEX_LATENCY_SECONDS": "0.1"}) as rig:
        yield rig


@pytest.fixture
def rig(shared_rig: Rig) -> Iterator[Rig]:
    with shared_rig.addressed():
        yield shared_rig
    for part in ("vertex", "relay", "storage", "webhook_sink"):
        shared_rig.calm(part)
