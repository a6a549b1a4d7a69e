"""The first figures: submit, pipeline overhead, memory of the generator, second start.

    python benchmarks/first.py        (or: make bench)

Every time stands beside its limit, measured in the same run: the same work without our code.
"""

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

sys.path.insert(0, str(Path(__file__).parents[1]))

from deploy.local.stack import Stack

SUBMITS = 100
TRACKS = 7


def main() -> None:
    """Start a stack of its own, print a table, stop."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"first start           {_start(folder, lambda _stack: None):8.2f} s")
        second = _start(folder, _measure)
        print(f"second start          {second:8.2f} s     (limit 6 s)")


def _start(folder: str, then: Callable[[Stack], None]) -> float:
    began = time.monotonic()
    stack = Stack.start(Path(folder), {"VERTEX_LATENCY_SECONDS": "1", "WORK_SLOTS": "4"})
    took = time.monotonic() - began
    try:
        then(stack)
    finally:
        stack.stop()
    return took


def _measure(stack: Stack) -> None:
    api: str = stack.info["api"]
    with requests.Session() as http:
        _ended(http, api, _submit(http, api, 1))  # everything is imported and connected
        overheads = [_overhead(http, stack, api) for _ in range(TRACKS)]
        print(f"overhead, 30-s WAV    {statistics.median(overheads):8.2f} s     (limit 1 s)")
        _memory(stack, api)
        floor = _median(lambda: http.get(f"{api}/live", timeout=10), SUBMITS)
        submit = _median(lambda: _submit(http, api, 1), SUBMITS)
        print(f"submit p50            {submit * 1e3:8.1f} ms    (limit 50 ms)")
        print(f"  an empty request    {floor * 1e3:8.1f} ms    ratio {submit / floor:.1f}")


def _submit(http: requests.Session, api: str, seconds: int) -> Any:
    body = {"prompt": "a benchmark with strings", "duration_seconds": seconds}
    answer = http.post(f"{api}/v1/tracks", json=body, timeout=10)
    answer.raise_for_status()
    return answer.json()["request_id"]


def _ended(http: requests.Session, api: str, track: str) -> Any:
    return http.get(f"{api}/v1/tracks/{track}?wait=60", timeout=70).json()


def _overhead(http: requests.Session, stack: Stack, api: str) -> float:
    before = len(_calls(stack))
    began = time.monotonic()
    track = _submit(http, api, 30)
    ended = _ended(http, api, track)
    took = time.monotonic() - began
    if ended["status"] != "completed":
        raise RuntimeError(ended)
    (call,) = _calls(stack)[before:]
    return took - float(call["latency_seconds"])


def _calls(stack: Stack) -> list[Any]:
    text = Path(stack.info["paid_calls"]).read_text()
    return [json.loads(line) for line in text.splitlines()]


def _memory(stack: Stack, api: str) -> None:
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], _tree_rss(stack.pid("generator")))

    watcher = threading.Thread(target=watch)
    watcher.start()

    def one(_: int) -> None:
        with requests.Session() as http:
            _ended(http, api, _submit(http, api, 30))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(8)))
    over.set()
    watcher.join()
    print(f"generator, 4 at once  {peak[0]:8.0f} MiB   (limit 400 MiB, arbiter included)")


def _tree_rss(pid: int) -> float:
    """Resident memory of a process and its children, shared pages counted once for each, MiB."""
    total = 0.0
    for one in [pid, *_children(pid)]:
        try:
            status = Path(f"/proc/{one}/status").read_text()
        except OSError:
            continue
        line = next((x for x in status.splitlines() if x.startswith("VmRSS")), "VmRSS: 0")
        total += int(line.split()[1]) / 1024
    return total


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()]


def _median(act: Callable[[], Any], times: int) -> float:
    took = []
    for _ in range(times):
        began = time.monotonic()
        act()
        took.append(time.monotonic() - began)
    return statistics.median(took)


if __name__ == "__main__":
    main()
