"""A background process: own group, own log, dies with its parent, ready by its own answer."""

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
_STOP_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.02
# PR_SET_PDEATHSIG is set between fork and exec. Not in a preexec_fn: that forks a copy of a
# process whose other threads (gRPC's) may hold locks.
_DIE_WITH_PARENT: Final = """
import ctypes, os, signal, sys
parent, *command = sys.argv[1:]
prctl = getattr(ctypes.CDLL(None), "prctl", None)
if prctl:
    prctl(1, signal.SIGKILL)
if os.getppid() == int(parent):
    os.execvp(command[0], command)
"""


class NotReady(RuntimeError):
    """The process ended, or did not answer in time; the text ends with its last log lines."""


def free_port(preferred: int = 0) -> int:
    """*preferred* when nobody listens there, else a free port below the ephemeral range.

    The emulators open ephemeral ports of their own, so one of those could be gone by its use.
    """
    for port in filter(None, (preferred, *random.sample(range(20_000, 32_768), 50))):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return port
    raise OSError("no free port between 20000 and 32767")


class Process:
    """One child process, started at once; ``stop`` ends it with everything it started.

    Start it from a thread that lives as long as it shall: the parent-death signal follows the
    thread, not the process, that forked.
    """

    def __init__(
        self, name: str, command: Sequence[str | Path], log: Path, env: Mapping[str, str]
    ) -> None:
        """Run *command*; *log* is emptied and takes its stdout and stderr."""
        self.name = name
        self.log = log
        self._over = False
        log.parent.mkdir(parents=True, exist_ok=True)
        guard = [sys.executable, "-ISc", _DIE_WITH_PARENT, str(os.getpid())]
        with log.open("wb") as out:
            self._popen = subprocess.Popen(
                [*guard, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=dict(env),
            )

    @property
    def pid(self) -> int:
        """Process id, and id of the process group."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def wait_ready(
        self, port: int, *, path: str = "/", says: str = "", seconds: float = 60
    ) -> None:
        """Return when it lives, has logged *says* and answers ``GET path`` on *port* with 200.

        Raises:
            NotReady: it ended, or *seconds* went by.
        """
        end = time.monotonic() + seconds
        while not (self._has_said(says) and _answers(port, path) and self.alive):
            if not self.alive:
                raise NotReady(f"{self.name} ended with {self._popen.returncode}:\n{self._tail()}")
            if time.monotonic() > end:
                raise NotReady(f"{self.name} is not ready on port {port}:\n{self._tail()}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> int:
        """SIGTERM to the group, SIGKILL to what is left of it 5 s after or when it has ended.

        Returns the exit code (negative: the signal). Idempotent.
        """
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(_STOP_SECONDS)
        return self.kill()

    def kill(self) -> int:
        """SIGKILL to the group: a crash. Returns the exit code; idempotent."""
        self._signal(signal.SIGKILL)
        self._over = True
        return self._popen.wait()

    def _signal(self, number: signal.Signals) -> None:
        if not self._over:  # else the number may be another group's by now
            # EPERM: macOS says so of a group of zombies.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _has_said(self, text: str) -> bool:
        return text in self.log.read_text(errors="replace")

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
