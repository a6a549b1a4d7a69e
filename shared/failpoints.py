"""Named places where a test may kill, freeze or delay a service; a no-op anywhere else.

A test points ``FAILPOINTS`` at a folder and writes ``NAME.json`` = ``{"action": "kill" | "hang"
| "stop" | "sleep", "seconds": s, "count": n}``. Each (name, key) fires once, each name at most
``count`` times; what fired is kept in ``fired/NAME.K``, so that the test can count it after
the kill. The folder is read at each call: arm and disarm while the services run.
"""

import json
import os
import signal
import time
from pathlib import Path


def failpoint(name: str, key: str) -> None:
    """Do what a test armed for *name*, at most once per *key* (a request id)."""
    folder = os.environ.get("FAILPOINTS")
    if folder:
        _fire(Path(folder), name, key)


def _fire(folder: Path, name: str, key: str) -> None:
    try:
        order = json.loads((folder / f"{name}.json").read_text())
    except (FileNotFoundError, ValueError):
        return
    if not _first(folder / "fired", f"{name}~{key}") or not _counted(folder, name, order):
        return
    match order["action"]:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "hang":
            time.sleep(1e6)
        case "sleep":
            time.sleep(order["seconds"])


def _first(folder: Path, marker: str) -> bool:
    folder.mkdir(exist_ok=True)
    try:
        (folder / marker).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _counted(folder: Path, name: str, order: dict[str, int]) -> bool:
    taken = (_first(folder / "fired", f"{name}.{k}") for k in range(order.get("count", 1)))
    return any(taken)
