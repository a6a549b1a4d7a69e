"""One stack per state folder: who runs it, starting it in the background, stopping it."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from deploy.local.bootstrap import ROOT
from deploy.local.layout import STATE
from deploy.local.process import NotReady
from deploy.local.stack import Stack

_POLL_SECONDS: Final = 0.05
_HEAL_SECONDS: Final = 0.5
_STOP_SECONDS: Final = 30


class AlreadyRunning(RuntimeError):
    """Another process runs a stack in this folder."""


class NotRunning(RuntimeError):
    """No stack runs in this folder, or it is not ready; the text names the cure."""


def info_file(state: Path) -> Path:
    """``stack.json``: there while a stack is ready."""
    return state / "stack.json"


def running(state: Path) -> dict[str, Any]:
    """What the ready stack in *state* told about itself. Raises NotRunning."""
    if holder(state) is None or not info_file(state).exists():
        raise NotRunning("no stack is running here: make up")
    info: dict[str, Any] = json.loads(info_file(state).read_text())
    return info


def holder(state: Path) -> int | None:
    """The process that runs a stack in *state*: it holds a lock that ends with it, however."""
    while True:
        try:
            return _locked_by(_lock_file(state))
        except ValueError:  # it has just taken the lock, and not yet written its number
            time.sleep(_POLL_SECONDS)


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Be the one who runs a stack in *state*. Raises AlreadyRunning."""
    state.mkdir(parents=True, exist_ok=True)
    with _lock_file(state).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"a stack is running in {state} already") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            info_file(state).unlink(missing_ok=True)
            file.truncate(0)


def publish(state: Path, info: Mapping[str, Any]) -> None:
    """Write ``stack.json``, whole or not at all; it holds a secret."""
    part = info_file(state).with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(info, indent=2) + "\n")
    part.replace(info_file(state))


def watch(stack: Stack) -> NoReturn:
    """Restart what dies, until a signal. Raises NotReady when that does not help."""
    while True:
        time.sleep(_HEAL_SECONDS)
        for name in stack.heal():
            print(f"{name} had died: restarted", flush=True)


def supervise(state: Path) -> None:
    """Run a stack until SIGTERM: the process behind ``make up``."""
    with held(state), Stack.start(state) as stack:
        publish(state, stack.info)
        watch(stack)


def up(state: Path) -> dict[str, Any]:
    """Have a stack in *state*, in the background; return its ``stack.json`` when it is ready.

    Raises:
        NotReady: it does not come up; the text is what the supervisor said.
    """
    supervisor = None
    if holder(state) is None:
        info_file(state).unlink(missing_ok=True)
        supervisor = _spawn(state)
    try:
        while True:
            with suppress(NotRunning):
                return running(state)
            gone = supervisor.poll() is not None if supervisor else holder(state) is None
            if gone:
                raise NotReady(_log(state).read_text().strip() or "the stack has ended")
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        down(state)
        raise


def down(state: Path) -> bool:
    """Stop the stack in *state*, whoever runs it; False when there is none."""
    pid = holder(state)
    info_file(state).unlink(missing_ok=True)
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_SECONDS
    while holder(state) == pid:
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)  # its children go with it
        time.sleep(_POLL_SECONDS)
    return True


def _spawn(state: Path) -> subprocess.Popen[bytes]:
    _log(state).parent.mkdir(parents=True, exist_ok=True)
    with _log(state).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.local", "supervise"],
            cwd=ROOT,
            env={**os.environ, STATE: str(state)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _locked_by(path: Path) -> int | None:
    with suppress(FileNotFoundError), path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read())
    return None


def _lock_file(state: Path) -> Path:
    return state / "supervisor.pid"


def _log(state: Path) -> Path:
    return state / "logs" / "supervisor.log"
