"""``python -m deploy.local run|up|down|demo``: what the Makefile's targets call."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import requests

from deploy.local import background
from deploy.local.api import TrackNotMade
from deploy.local.background import AlreadyRunning, NotRunning
from deploy.local.bootstrap import SetupFailed
from deploy.local.demo import make_demo
from deploy.local.emulators import JarsMissing
from deploy.local.first_track import make_first_track
from deploy.local.jars import FetchFailed
from deploy.local.layout import state_folder
from deploy.local.ports import PortTaken
from deploy.local.process import NotReady
from deploy.local.stack import Stack
from deploy.local.terminal import addresses, shown
from deploy.local.tools import ensure_tools
from deploy.local.webhook import NoWebhook

_EXPECTED: Final = (
    *(AlreadyRunning, NotRunning, NotReady, PortTaken, SetupFailed, JarsMissing, FetchFailed),
    *(TrackNotMade, NoWebhook, requests.RequestException),
)


def run(state: Path) -> None:
    """Start a stack, make a first track, stay until Ctrl-C (once only: ``CI`` or ``RUN_ONCE``)."""
    began = time.monotonic()
    with background.held(state), Stack.start(state) as stack:
        background.publish(state, stack.info)
        _ready(stack.info, began)
        make_first_track(stack.info, state / "out")
        if not _once():
            print(f"Logs: {shown(state / 'logs')}. Ctrl-C stops everything.", flush=True)
            background.watch(stack)


def up(state: Path) -> None:
    """Start a stack in the background, unless there is one."""
    began = time.monotonic()
    if background.holder(state) is None:
        ensure_tools(os.environ)  # here, where its downloads can be seen
    else:
        print("A stack is running already.")
    _ready(background.up(state), began)
    print(f"Logs: {shown(state / 'logs')}. Stop it with: make down")


def down(state: Path) -> None:
    """Stop the stack, foreground or background."""
    print("Stopped." if background.down(state) else "No stack was running.")


def demo(state: Path) -> None:
    """Make six tracks with the running stack."""
    make_demo(background.running(state), state / "out")


_COMMANDS: Final[dict[str, Callable[[Path], None]]] = {
    "run": run,
    "up": up,
    "down": down,
    "demo": demo,
    "supervise": background.supervise,
}


def main() -> None:
    """Do one command; what can be expected to fail ends with one message, not a traceback."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("command", choices=_COMMANDS)
    command = _COMMANDS[parser.parse_args().command]
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell's & leaves SIGINT ignored
        signal.signal(number, _interrupt)
    try:
        command(state_folder(os.environ))
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
    except _EXPECTED as exc:
        sys.exit(str(exc))


def _ready(info: dict[str, Any], began: float) -> None:
    print(f"Motif is ready after {time.monotonic() - began:.1f} s:\n{addresses(info)}", flush=True)


def _once() -> bool:
    return os.environ.get("CI") == "true" or os.environ.get("RUN_ONCE") == "1"


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
