from collections.abc import Iterator

import pytest

from deploy.local import ports
from deploy.local.stack import Stack
from tests.support.rig import Rig

SCALE = 0.05
FAST = {
    "TIME_SCALE": str(SCALE),
    "WEBHOOK_TIME_SCALE": "0.02",
    "VERTEX_PRERENDERED": "1",
    "VERTEX_LATENCY_SECONDS": "0.1",
    "WORK_SLOTS": "8",
}


@pytest.fixture(scope="session")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("stack")
    failpoints = folder / "failpoints"
    (failpoints / "fired").mkdir(parents=True)
    stack = Stack.start(folder / "state", {**ports.ANY, **FAST, "FAILPOINTS": str(failpoints)})
    with pytest.MonkeyPatch.context() as env:
        env.setenv("FIRESTORE_EMULATOR_HOST", stack.info["firestore"])
        env.setenv("PUBSUB_EMULATOR_HOST", stack.info["pubsub"])
        env.setenv("STORAGE_EMULATOR_HOST", stack.info["storage"])
        rig = Rig(stack, failpoints)
        try:
            yield rig
        finally:
            rig.close()
            stack.stop()


@pytest.fixture
def rig(shared_rig: Rig) -> Iterator[Rig]:
    yield shared_rig
    shared_rig.disarm()
    for marker in (shared_rig.failpoints / "fired").iterdir():
        marker.unlink()
    for part in ("vertex", "relay", "storage", "webhook_sink"):
        shared_rig.calm(part)
