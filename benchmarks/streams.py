"""Live streams: how soon 200 watchers hear of a change, and what other calls wait meanwhile.

    python benchmarks/streams.py [FIGURES.json]        (or: make bench)

One ingest of the local stack; 20 tracks are written as a worker writes them, each once in two
seconds, over the Firestore emulator. The same ``GET`` is timed in turns with nobody watching and
with everybody: the ratio of both counts. Everything shares this machine's processors.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.limits import Limit, show, written
from deploy.local import ports
from deploy.local.stack import Stack
from shared.cures import failure
from shared.endings import Ending, end
from shared.errors import Code
from shared.gcp.firestore import FirestoreStore
from shared.ports import Snapshot, Update
from shared.timing import Timing
from shared.track import TRACKS, Stage, Status, Track
from tests.support.tracks import stored_track

ROOT: Final = Path(__file__).parents[1]
FIGURES: Final = ROOT / ".local" / "benchmarks" / "streams.json"
WATCHERS: Final = 200
TRACKS_WATCHED: Final = 20
ROUNDS: Final = 3
GETS: Final = 300
"""Of one side of one round."""
GETS_PER_SECOND: Final = 20.0
WRITES_PER_SECOND: Final = TRACKS_WATCHED / 2
_RUNNING: Final = {"status": Status.RUNNING, "stage": Stage.GENERATING, "wake_at": None}


@dataclass(frozen=True)
class Round:
    """What was measured with everybody watching."""

    delays_ms: list[float]
    endings: int
    threads: int
    mebibytes: float


class Worker:
    """Writes to running tracks at an even pace, in a thread."""

    def __init__(self, store: FirestoreStore) -> None:
        self._store = store
        ids = [stored_track(store, fields=_RUNNING) for _ in range(TRACKS_WATCHED)]
        self._seen = {track_id: store.get(TRACKS, track_id) for track_id in ids}
        self.ids = ids
        self._stop = threading.Event()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Progress goes on inside; at the end every track has ended."""
        thread = threading.Thread(target=self._write)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
        for track_id in self.ids:
            self._end(track_id)

    def _write(self) -> None:
        began = time.monotonic()
        for number in itertools.count():
            if self._stop.wait(max(0.0, began + number / WRITES_PER_SECOND - time.monotonic())):
                return
            self._step(self.ids[number % len(self.ids)], number)

    def _step(self, track_id: str, number: int) -> None:
        seen: Snapshot[Track] = self._seen[track_id]
        if seen.value is None or seen.version is None:
            raise RuntimeError("a track is gone")
        track = replace(seen.value, progress=0.1 + min(0.8, number / 1e4))
        version = self._store.commit(Update(TRACKS, track_id, track, seen.version))
        self._seen[track_id] = replace(seen, value=track, version=version)

    def _end(self, track_id: str) -> None:
        ending = Ending(Status.FAILED, error=failure(Code.MODEL_REJECTED, "measured enough"))
        end(
            self._store,
            track_id,
            lambda *_: ending,
            nonce="benchmark",
            source="generator",
            timing=Timing().scaled(100),
        )


def main() -> None:
    """Print tables and write the figures; exit with 1 when a limit is not kept."""
    target = Path(sys.argv[1]) if sys.argv[1:] else FIGURES
    gets: dict[str, list[float]] = {"nobody watches": [], "all watch": []}
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory() as folder, Stack.start(Path(folder), ports.ANY) as stack:
        os.environ["FIRESTORE_EMULATOR_HOST"] = stack.info["firestore"]
        with closing(FirestoreStore(stack.info["project"])) as store:
            track_id = stored_track(store, fields=_RUNNING)
            url = f"{stack.info['api']}/v1/tracks/{track_id}"
            _timed(url, 50)  # everything is imported and connected
            for _ in range(ROUNDS):
                gets["nobody watches"] += _timed(url, GETS)
                one, took = _watched(stack, Worker(store), url)
                gets["all watch"] += took
                rounds.append(one)
    delays = sorted(itertools.chain.from_iterable(one.delays_ms for one in rounds))
    p99 = {side: _quantile(took, 0.99) for side, took in gets.items()}
    told = sum(one.endings for one in rounds)
    limits = [
        Limit("commit to socket, p95 ms", _quantile(delays, 0.95), "<=", 250.0),
        Limit("p99 of a GET, nobody watching = 1", p99["all watch"] / p99["nobody watches"],
              "<=", 3.0),
        Limit("endings told", told, ">=", WATCHERS * ROUNDS),
    ]  # fmt: skip
    _show(delays, gets, rounds)
    show(limits)
    _write(target, delays, gets, rounds, limits)
    sys.exit(not all(limit.kept for limit in limits))


def _watched(stack: Stack, worker: Worker, url: str) -> tuple[Round, list[float]]:
    """Everybody watches while the call is timed; what they heard, and its times."""
    port = urlsplit(stack.info["api"]).port
    command = [sys.executable, str(ROOT / "benchmarks" / "watching.py"), str(port), str(WATCHERS)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as watching:
        if watching.stdin is None or watching.stdout is None:
            raise RuntimeError("no pipes")
        watching.stdin.write("\n".join(worker.ids))
        watching.stdin.close()
        if watching.stdout.readline() != "ready\n":
            raise RuntimeError("not everybody was told a first state")
        with worker.writing():
            took = _timed(url, GETS)
            threads, mebibytes = _size(stack.pid("ingest"))
        heard = json.loads(watching.stdout.read())
    return Round(heard["delays_ms"], heard["endings"], threads, mebibytes), took


def _timed(url: str, count: int) -> list[float]:
    """Milliseconds of each GET, at an even pace over one connection."""
    took: list[float] = []
    with requests.Session() as http:
        http.trust_env = False
        next_at = time.perf_counter()
        for _ in range(count):
            time.sleep(max(0.0, next_at - time.perf_counter()))
            began = time.perf_counter()
            http.get(url, timeout=30).raise_for_status()
            took.append(1e3 * (time.perf_counter() - began))
            next_at = max(next_at + 1 / GETS_PER_SECOND, began)
    return took


def _size(pid: int) -> tuple[int, float]:
    """Threads and resident MiB of gunicorn's worker."""
    (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return int(status["Threads"]), int(status["VmRSS"].split()[0]) / 1024


def _quantile(figures: Sequence[float], share: float) -> float:
    return sorted(figures)[int(share * len(figures))]


def _show(delays: Sequence[float], gets: dict[str, list[float]], rounds: Sequence[Round]) -> None:
    print(f"\n{WATCHERS} watchers of {TRACKS_WATCHED} tracks        p50 ms    p95 ms    p99 ms")
    for side, figures in {"commit to socket": delays, **gets}.items():
        shown = (statistics.median(figures), _quantile(figures, 0.95), _quantile(figures, 0.99))
        print(f"  {side:30}" + "".join(f"{one:10.1f}" for one in shown))
    for number, one in enumerate(rounds, 1):
        print(f"  round {number}: {len(one.delays_ms)} events, {one.threads} threads, "
              f"{one.mebibytes:.0f} MiB")  # fmt: skip
    print()


def _write(
    target: Path,
    delays: Sequence[float],
    gets: dict[str, list[float]],
    rounds: Sequence[Round],
    limits: Sequence[Limit],
) -> None:
    shares = (0.5, 0.95, 0.99)
    sides = {"commit to socket": delays, **gets}
    figures: dict[str, Any] = {
        "cpus": os.cpu_count(),
        "ms": {side: {str(s): _quantile(each, s) for s in shares} for side, each in sides.items()},
        "rounds": [
            {"events": len(one.delays_ms), "threads": one.threads, "mebibytes": one.mebibytes}
            for one in rounds
        ],
        "limits": written(limits),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
