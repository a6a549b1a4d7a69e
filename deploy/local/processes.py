"""The nine processes of a stack: how each is started, and when it is ready."""

import http.client
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from deploy.local.bootstrap import ROOT
from deploy.local.emulators import Emulator, start_firestore, start_pubsub
from deploy.local.environment import service_environment
from deploy.local.layout import Layout
from deploy.local.process import HOST, NotReady, Process
from deploy.local.tools import Tools

EMULATORS: Final = ("pubsub", "firestore")
STAND_INS: Final = ("storage", "vertex", "sink", "relay")
SERVICES: Final = ("ingest", "generator", "notifier")
ALL: Final = (*EMULATORS, *STAND_INS, *SERVICES)
_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.02


class Service(Process):
    """One of Motif's services under gunicorn, as on Cloud Run."""

    def __init__(self, name: str, layout: Layout, env: Mapping[str, str]) -> None:
        """Start it; *env* is the environment that all have."""
        config = str(ROOT / "deploy" / "gunicorn.conf.py")
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", config]
        command = [*gunicorn, f"services.{name}.app:create_app()"]
        super().__init__(name, command, layout.log(name), service_environment(name, layout, env))
        self._port = layout.ports[name]

    def ready(self) -> None:
        """Return when its start-up probe succeeds. Raises NotReady."""
        end = time.monotonic() + _SECONDS
        while not self._started():
            if not self.alive:
                raise NotReady(f"{self.name} ended with {self._popen.returncode}:\n{self._tail()}")
            if time.monotonic() > end:
                raise NotReady(f"{self.name} is not ready on port {self._port}:\n{self._tail()}")
            time.sleep(_POLL_SECONDS)

    def _started(self) -> bool:
        with closing(http.client.HTTPConnection(HOST, self._port, timeout=1)) as connection:
            try:
                connection.request("GET", "/startup")
                return connection.getresponse().status == http.HTTPStatus.OK
            except (OSError, http.client.HTTPException):
                return False


def launch(name: str, layout: Layout, env: Mapping[str, str], tools: Tools) -> Process:
    """Start *name*; see ``wait_ready``."""
    port, log = layout.ports[name], layout.log(name)
    if name == "pubsub":
        return start_pubsub(port, log, java=tools.java, jars=tools.jars)
    if name == "firestore":
        return start_firestore(port, log, java=tools.java, jars=tools.jars)
    if name in SERVICES:
        return Service(name, layout, env)
    module = [sys.executable, "-m", f"deploy.local.{name}", "--port", str(port)]
    return Process(name, [*module, *_arguments(name, layout)], log, env)


def wait_ready(process: Process, layout: Layout) -> None:
    """Return when *process* can be used.

    Raises:
        NotReady: it ended, or does not answer within a minute; the text ends with its last lines.
    """
    if isinstance(process, Emulator | Service):
        process.ready()
    else:
        process.wait_ready(layout.ports[process.name])


def end(process: Process) -> None:
    """Stop *process*, and what has outlived it: gunicorn's worker survives a killed arbiter."""
    process.stop()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _arguments(name: str, layout: Layout) -> list[str | Path]:
    arguments: list[str | Path] = ["--data", layout.data(name)]
    if name in ("storage", "relay"):
        arguments += ["--keys", layout.keys]
    if name == "relay":
        for service in ("generator", "notifier"):
            arguments += [f"--{service}", layout.url(service)]
    return arguments
