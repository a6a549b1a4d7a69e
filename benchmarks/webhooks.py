"""Webhooks: what a delivery costs beside a bare loop, who waits for a dead receiver, how soon.

    python benchmarks/webhooks.py [FIGURES.json]        (or: make bench)

Deliveries are pushed to the real notifier, a process, over the Firestore emulator and the local
sink; a bare loop of httpx posts the same bodies to the same sink in turns with it. Medians count.
``COG_PYTHON=VENV/bin/python`` of an environment with cog 0.23.1 has that measured as well.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import bare, latency
from benchmarks.limits import Limit, show, written
from benchmarks.pushing import Pushing, lines
from deploy.local import ports
from deploy.local.stack import Stack
from services.notifier.gate import MOST_OPEN

ROOT: Final = Path(__file__).parents[1]
FIGURES: Final = ROOT / ".local" / "benchmarks" / "webhooks.json"
ROUNDS: Final = 3
DELIVERIES: Final = 300
"""Of one round."""
AT_ONCE: Final = 16
EACH: Final = 100
WELL: Final = 9
DEAD: Final = "/hook/dead"
PER_SECOND: Final = 30.0
STACK: Final = {
    **ports.ANY,
    "VERTEX_LATENCY_SECONDS": "0",
    "VERTEX_PRERENDERED": "1",
}


@dataclass(frozen=True)
class Run:
    """A number of POSTs."""

    posts: int
    seconds: float
    cpu_seconds: float

    @property
    def per_core(self) -> float:
        """POSTs for each second of CPU."""
        return self.posts / self.cpu_seconds


def main() -> None:
    """Print tables and write the figures; exit with 1 when a limit is not kept."""
    target = Path(sys.argv[1]) if sys.argv[1:] else FIGURES
    with tempfile.TemporaryDirectory() as folder, Stack.start(Path(folder), STACK) as stack:
        for name in ("firestore", "pubsub", "storage"):
            os.environ[f"{name.upper()}_EMULATOR_HOST"] = stack.info[name]
        with closing(Pushing(stack)) as pushing:
            runs = _costs(pushing)
            waits = _waits(pushing)
        soon = latency.measured(stack.info, Path(folder))
    per_core = {side: statistics.median(r.per_core for r in each) for side, each in runs.items()}
    ratio = per_core["Motif"] / per_core[bare.KINDS["plain"]]
    slower = waits["dead beside them"]["p99"] / waits["alone"]["p99"]
    limits = [
        Limit("deliveries per core, httpx.post loop = 1", ratio, ">=", 0.5),
        Limit("p99 beside a dead receiver, alone = 1", slower, "<=", 2.0),
    ]
    _show(runs, waits, soon, limits)
    _write(target, runs, waits, soon, limits)
    sys.exit(not all(limit.kept for limit in limits))


def _costs(pushing: Pushing) -> Mapping[str, Sequence[Run]]:
    runs: dict[str, list[Run]] = {side: [] for side in ("Motif", *bare.KINDS.values())}
    _deliver(pushing, 50)  # everything is imported and connected
    for _ in range(ROUNDS):
        run, posts = _deliver(pushing, DELIVERIES)
        runs["Motif"].append(run)
        for kind, side in bare.KINDS.items():
            runs[side].append(_bare(kind, pushing.info["webhook_sink"] + "/bare", posts))
    return runs


def _deliver(pushing: Pushing, count: int) -> tuple[Run, str]:
    """Push *count* endings; all of them must arrive."""
    paths = itertools.islice(itertools.cycle(f"/hook/{n}" for n in range(10)), count)
    pushes = pushing.prepare(paths)
    with pushing.cpu() as cpu:
        seconds = pushing.burst(pushes, AT_ONCE)
    received = pushing.received()
    if not pushing.delivered(pushes):
        raise RuntimeError("a webhook was not delivered by its first attempt")
    posts = [line for push in pushes for line in received[push.webhook_id]]
    return Run(len(posts), seconds, cpu[0]), lines(posts)


def _bare(kind: str, url: str, posts: str) -> Run:
    command = [sys.executable, str(ROOT / "benchmarks" / "bare.py"), kind, url]
    done = subprocess.run(command, input=posts, capture_output=True, text=True, check=True)
    return Run(posts.count("\n"), **json.loads(done.stdout))


def _waits(pushing: Pushing) -> Mapping[str, Mapping[str, float]]:
    """Milliseconds from the turn of a push to its POST at a receiver that is well."""
    pushing.fault({"match": {"path": DEAD}, "action": {"delay": 60}, "count": -1})
    well = [f"/hook/well-{n}" for n in range(WELL)]
    waits = {"alone": _quantiles(pushing, well)}
    waits["dead beside them"] = _quantiles(pushing, [*well, DEAD])
    if pushing.fired() < MOST_OPEN:
        raise RuntimeError("the dead receiver was hardly asked")
    return waits


def _quantiles(pushing: Pushing, receivers: Sequence[str]) -> dict[str, float]:
    pushes = pushing.prepare(list(receivers) * EACH)
    turns = pushing.paced(pushes, PER_SECOND, at_once=64)
    well = [push for push in pushes if push.path != DEAD]
    if not pushing.delivered(well):
        raise RuntimeError("a webhook was not delivered by its first attempt")
    received = pushing.received()
    waits = sorted(
        1e3 * (received[push.webhook_id][0]["time"] - turns[push.webhook_id]) for push in well
    )
    return {"p50": statistics.median(waits), "p99": waits[int(0.99 * len(waits))]}


def _show(
    runs: Mapping[str, Sequence[Run]],
    waits: Mapping[str, Mapping[str, float]],
    soon: Mapping[str, latency.Soon],
    limits: Sequence[Limit],
) -> None:
    print(f"\n{DELIVERIES} webhooks                       per s   per s of CPU   CPU ms each")
    for side, each in runs.items():
        wall = statistics.median(run.posts / run.seconds for run in each)
        core = statistics.median(run.per_core for run in each)
        print(f"  {side:34}{wall:8.0f} {core:14.0f} {1e3 / core:13.2f}")
    print(f"\n{WELL} receivers, {PER_SECOND:.0f} pushes a second     p50 ms    p99 ms")
    for side, quantiles in waits.items():
        print(f"  {side:34}{quantiles['p50']:8.1f}  {quantiles['p99']:8.1f}")
    print("\nfrom a submit to its webhook            p50 ms    p99 ms")
    for side, one in soon.items():
        print(f"  {side:34}{one.p50:12.1f}  {one.p99:8.1f}   {one.note}")
    print()
    show(limits)


def _write(
    target: Path,
    runs: Mapping[str, Sequence[Run]],
    waits: Mapping[str, Mapping[str, float]],
    soon: Mapping[str, latency.Soon],
    limits: Sequence[Limit],
) -> None:
    figures: dict[str, Any] = {
        "cpus": os.cpu_count(),
        "runs": {side: [asdict(run) for run in each] for side, each in runs.items()},
        "waits_ms": waits,
        "submit_to_webhook_ms": {side: asdict(one) for side, one in soon.items()},
        "limits": written(limits),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
