"""Stacks of their own for tests: started on free ports, the clients' variables set."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local import ports
from deploy.local.stack import Stack
from tests.support.rig import Rig

FAST = {
    "WEBHOOK_TIME_SCALE": "0.02",
    "VERTEX_PRERENDERED": "1",
    "VERTEX_LATENCY_SECONDS": "0.1",
    "WORK_SLOTS": "8",
}


@contextmanager
def running_rig(folder: Path, overrides: Mapping[str, str]) -> Iterator[Rig]:
    """A stack below *folder* with failpoints; *overrides* are its environment."""
    failpoints = folder / "failpoints"
    (failpoints / "fired").mkdir(parents=True)
    given = {**ports.ANY, "FAILPOINTS": str(failpoints), **overrides}
    with Stack.start(folder / "state", given) as stack:
        rig = Rig(stack, failpoints)
        try:
            with rig.addressed():
                yield rig
        finally:
            rig.close()
