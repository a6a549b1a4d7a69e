"""A whole local Motif: started at once, restarted in parts, stopped without a trace."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from deploy.local import ports
from deploy.local.environment import environment
from deploy.local.layout import Layout
from deploy.local.process import NotReady, Process
from deploy.local.processes import (
    ALL,
    EMULATORS,
    SERVICES,
    launch,
    resources,
    wait_made,
    wait_ready,
)
from deploy.local.tools import ensure_tools


class Stack:
    """Nine processes and what they need to know of each other; a context manager.

    Use it from the main thread only: its processes die with the thread that started them.
    """

    info: dict[str, Any]
    """What ``stack.json`` holds."""

    def __init__(self, state: Path, given: Mapping[str, str]) -> None:
        """Choose ports and settings; nothing runs yet. Raises PortTaken."""
        self._layout = Layout(state, ports.choose(given))
        self._tools = ensure_tools(given)
        state.mkdir(parents=True, exist_ok=True)
        self._env = environment(self._layout, given)
        self._running: dict[str, Process] = {}
        self.info = self._layout.describe(self._env)

    @classmethod
    def start(cls, state_dir: Path, overrides: Mapping[str, str] | None = None) -> Self:
        """Start everything; return when all of it is ready.

        *overrides* are environment variables on top of the caller's (``ports.ANY`` takes free
        ports). The last run's data below *state_dir* is removed.

        Raises:
            NotReady: a process does not come up; the text ends with its last log lines.
            PortTaken: a port that was asked for is busy.
            JarsMissing, FetchFailed, SetupFailed: the emulators cannot be run here.
        """
        stack = cls(state_dir.absolute(), {**os.environ, **(overrides or {})})
        try:
            stack._start_all()
        except BaseException:
            stack.stop()
            raise
        return stack

    def __enter__(self) -> Self:
        """The stack runs already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def pid(self, name: str) -> int:
        """Process id, and process group id, of *name*."""
        return self._running[name].pid

    def log(self, name: str) -> Path:
        """The file with what *name* wrote."""
        return self._layout.log(name)

    def kill(self, name: str) -> None:
        """SIGKILL to *name* with all that it started: a crash."""
        self._running[name].kill()

    def restart(self, name: str) -> None:
        """Stop *name* if it runs, start it again, wait until it is ready. Raises NotReady.

        The port stays. An emulator comes back empty, without topics.
        """
        self._running[name].stop()
        self._launch(name)
        wait_ready(self._running[name], self._layout)

    def heal(self) -> list[str]:
        """Restart what has died, as Cloud Run would; return the names.

        Raises:
            NotReady: an emulator died, and with it everything that it held, or a restart failed.
        """
        dead = [name for name, process in self._running.items() if not process.alive]
        for name in dead:
            if name in EMULATORS:
                raise NotReady(f"the {name} emulator died: see {self.log(name)}")
            self.restart(name)
        return dead

    def stop(self) -> None:
        """Stop everything, services first: they put away what they hold. Idempotent."""
        with ThreadPoolExecutor(len(ALL)) as pool:
            for names in (SERVICES, ALL):
                wave = [p for name, p in self._running.items() if name in names]
                list(pool.map(Process.stop, wave))

    def _start_all(self) -> None:
        self._layout.clear()
        for name in ALL:
            self._launch(name)
        topology = resources(self._layout, self._env)
        try:
            for process in self._running.values():
                wait_ready(process, self._layout)
            wait_made(topology)
        finally:
            topology.stop()

    def _launch(self, name: str) -> None:
        self._running[name] = launch(name, self._layout, self._env, self._tools)
