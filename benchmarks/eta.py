"""How often a track ends by the time it was promised: `eta.p90` in about nine of ten cases.

    python benchmarks/eta.py [FIGURES.json]        (or: make bench)

A whole local stack at ten times the pace of the cloud: a quota of 100 calls a minute, calls of 1
to 2 s, every wait of the protocol a tenth. Tracks of one to four clips come one by one, all at
once, and one by one behind a crowd. Long ones of five to ten clips come among them while nothing
but short ones was ever measured, and in a crowd. Only what was promised in the answer to the
submit counts; the first tracks, which teach how long a run takes, do not, nor does the first crowd.
"""

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import requests

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.limits import Limit, show, written
from deploy.local import ports
from deploy.local.stack import Stack

ROOT: Final = Path(__file__).parents[1]
FIGURES: Final = ROOT / ".local" / "benchmarks" / "eta.json"
STACK: Final = {
    **ports.ANY,
    "API_AUTH": "off",
    "TIME_SCALE": "0.1",
    "LYRIA_QUOTA_PER_MINUTE": "100",
    "VERTEX_LATENCY_SECONDS": "1.5",
    "VERTEX_LATENCY_SPREAD": "0.33",
    "VERTEX_PRERENDERED": "1",
    "WORK_SLOTS": "40",
}
SECONDS: Final = (1.0, 33.0, 64.0, 95.0)
"""Lengths that take one, two, three and four clips."""
SHARES: Final = (80, 10, 6, 4)
LONG: Final = (150.0, 180.0, 210.0, 240.0, 270.0, 300.0)
"""Five to ten clips."""
ONE_BY_ONE, CROWD, BEHIND, LEARNING = "one by one", "a crowd", "behind a crowd", "learning"
AMONG, LONG_CROWD = "among long ones", "a crowd, some long"


@dataclass(frozen=True)
class Phase:
    """So many tracks, *gap* seconds apart on average; none: all at once."""

    name: str
    tracks: int
    gap: float = 0.0
    long: int = 0
    """So many of them are long."""


PLAN: Final = (
    Phase(LEARNING, 15, 1.0),
    Phase(AMONG, 36, 2.5, long=12),
    Phase(LEARNING, 20),
    Phase(ONE_BY_ONE, 30, 1.2),
    Phase(CROWD, 40),
    Phase(BEHIND, 40, 1.0),
    Phase(ONE_BY_ONE, 40, 1.2),
    Phase(CROWD, 50),
    Phase(BEHIND, 35, 1.0),
    Phase(LONG_CROWD, 30, long=8),
    Phase(BEHIND, 35, 1.0),
)


@dataclass(frozen=True)
class Kept:
    """One track: seconds from queued to its ending, and to what was promised."""

    phase: str
    clips: int
    position: int
    p50: float
    p90: float
    took: float


def main() -> None:
    """Print a table and write the figures; exit with 1 when a limit is not kept."""
    target = Path(sys.argv[1]) if sys.argv[1:] else FIGURES
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Stack.start(Path(folder), STACK) as stack:
        kept, lost = _measured(stack.info["api"])
    long = [one for one in kept if one.clips > len(SECONDS)]
    limits = [
        Limit("share that ended by its p90", _share(kept, "p90"), ">=", 0.85),
        Limit("share that ended by its p90", _share(kept, "p90"), "<=", 0.95),
        Limit("share of long ones that ended by their p90", _share(long, "p90"), ">=", 0.8),
    ]
    _show(kept, lost, time.monotonic() - began, limits)
    figures = {"tracks": [asdict(one) for one in kept], "lost": lost, "limits": written(limits)}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    sys.exit(not all(limit.kept for limit in limits))


def _measured(api: str) -> tuple[list[Kept], int]:
    """What became of all tracks but the first ones; how many of them were not completed."""
    chance = random.Random(7)  # noqa: S311 - the same mix each time
    with requests.Session() as http:
        sent = [one for phase in PLAN for one in _phase(api, http, phase, chance)]
        ended = [(name, said, _ended(http, api, said["request_id"])) for name, said in sent]
    scored = [one for one in ended if one[0] != LEARNING]
    done = [_kept(*one) for one in scored if one[2]["status"] == "completed"]
    return done, len(scored) - len(done)


def _phase(
    api: str, http: requests.Session, phase: Phase, chance: random.Random
) -> Iterator[tuple[str, Any]]:
    lengths = chance.choices(SECONDS, SHARES, k=phase.tracks - phase.long)
    lengths += chance.choices(LONG, k=phase.long)
    chance.shuffle(lengths)
    if not phase.gap:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda seconds: _submit(requests, api, seconds), lengths))
        yield from ((phase.name, answer) for answer in answers)
        return
    for seconds in lengths:
        yield phase.name, _submit(http, api, seconds)
        time.sleep(chance.expovariate(1 / phase.gap))


def _submit(http: Any, api: str, seconds: float) -> Any:
    body = {"prompt": "a benchmark with strings", "duration_seconds": seconds}
    answer = http.post(f"{api}/v1/tracks", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def _ended(http: requests.Session, api: str, track: str) -> Any:
    while True:
        answer = http.get(f"{api}/v1/tracks/{track}?wait=60", timeout=90)
        answer.raise_for_status()
        body = answer.json()
        if body["timings"]["ended_at"]:
            return body


def _kept(phase: str, said: Any, body: Any) -> Kept:
    queued = datetime.fromisoformat(body["timings"]["queued_at"])

    def since(moment: str) -> float:
        late: timedelta = datetime.fromisoformat(moment) - queued
        return late.total_seconds()

    return Kept(
        phase=phase,
        clips=body["cost"]["clips"],
        position=said["eta"]["queue_position"],
        p50=since(said["eta"]["p50"]),
        p90=since(said["eta"]["p90"]),
        took=since(body["timings"]["ended_at"]),
    )


def _share(kept: Sequence[Kept], bound: str) -> float:
    in_time = [one for one in kept if one.took <= getattr(one, bound)]
    return len(in_time) / len(kept)


def _show(kept: Sequence[Kept], lost: int, took: float, limits: Sequence[Limit]) -> None:
    print(f"\n{len(kept)} tracks in {took:.0f} s, {lost} not completed, {os.cpu_count()} cores")
    print(f"{'':20}tracks   by p50   by p90   p90, s   took, s (means)")
    groups = [(name, [one for one in kept if one.phase == name]) for name in _phases(kept)]
    groups += [(f"{n} clips", [one for one in kept if one.clips == n]) for n in range(1, 5)]
    groups += [("5 clips or more", [one for one in kept if one.clips > len(SECONDS)])]
    for name, each in [*groups, ("all", kept)]:
        p90, mean = (sum(getattr(one, x) for one in each) / len(each) for x in ("p90", "took"))
        shares = f"{_share(each, 'p50'):9.0%}{_share(each, 'p90'):9.0%}"
        print(f"  {name:18}{len(each):6}{shares}{p90:9.1f}{mean:9.1f}")
    print()
    show(limits)


def _phases(kept: Sequence[Kept]) -> list[str]:
    return list(dict.fromkeys(one.phase for one in kept))


if __name__ == "__main__":
    main()
