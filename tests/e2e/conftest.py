from collections.abc import Iterator

import pytest

from deploy.local import ports
from deploy.local.stack import Stack
from tests.support.rig import Rig


@pytest.fixture(scope="session")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("stack")
    (folder / "failpoints" / "fired").mkdir(parents=True)
    stack = Stack.start(folder / "state", {**ports.ANY, "VERTEX_LATENCY_SECONDS": "0.1"})
    with pytest.MonkeyPatch.context() as env:
        env.setenv("FIRESTORE_EMULATOR_HOST", stack.info["firestore"])
        env.setenv("PUBSUB_EMULATOR_HOST", stack.info["pubsub"])
        env.setenv("STORAGE_EMULATOR_HOST", stack.info["storage"])
        rig = Rig(stack, folder / "failpoints")
        try:
            yield rig
        finally:
            rig.close()
            stack.stop()


@pytest.fixture
def rig(shared_rig: Rig) -> Iterator[Rig]:
    yield shared_rig
    for part in ("vertex", "relay", "storage", "webhook_sink"):
        shared_rig.calm(part)
