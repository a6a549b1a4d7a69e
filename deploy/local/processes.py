"""The nine processes of a stack: how each is started, and when it is ready."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.local.bootstrap import ROOT
from deploy.local.emulators import Emulator, start_firestore, start_pubsub
from deploy.local.environment import service_environment
from deploy.local.layout import Layout
from deploy.local.process import NotReady, Process
from deploy.local.tools import Tools

EMULATORS: Final = ("pubsub", "firestore")
STAND_INS: Final = ("storage", "vertex", "sink", "relay")
SERVICES: Final = ("ingest", "generator", "notifier")
ALL: Final = (*EMULATORS, *STAND_INS, *SERVICES)
_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.02


def launch(name: str, layout: Layout, env: Mapping[str, str], tools: Tools) -> Process:
    """Start *name*; see ``wait_ready``."""
    port, log = layout.ports[name], layout.log(name)
    if name == "pubsub":
        return start_pubsub(port, log, java=tools.java, jars=tools.jars)
    if name == "firestore":
        return start_firestore(port, log, java=tools.java, jars=tools.jars)
    if name in SERVICES:
        return Process(name, _gunicorn(name), log, service_environment(name, layout, env))
    module = [sys.executable, "-m", f"deploy.local.{name}", "--port", str(port)]
    return Process(name, [*module, *_arguments(name, layout)], log, env)


def wait_ready(process: Process, layout: Layout) -> None:
    """Return when *process* can be used.

    Raises:
        NotReady: it ended, or does not answer within a minute; the text ends with its last lines.
    """
    if isinstance(process, Emulator):
        process.ready()
    else:
        path = "/startup" if process.name in SERVICES else "/"
        process.wait_ready(layout.ports[process.name], path=path)


def resources(layout: Layout, env: Mapping[str, str]) -> Process:
    """Start what makes topics, subscriptions and buckets; see ``wait_made``."""
    command = [sys.executable, "-m", "deploy.local.resources"]
    return Process("resources", command, layout.log("resources"), env)


def wait_made(process: Process) -> None:
    """Return when ``resources`` has done its work. Raises NotReady."""
    end = time.monotonic() + _SECONDS
    while process.alive and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
    if process.stop():
        raise NotReady(f"no topology:\n{process.log.read_text(errors='replace')}")


def _gunicorn(name: str) -> list[str]:
    """The command of one of Motif's services, as on Cloud Run."""
    config = str(ROOT / "deploy" / "gunicorn.conf.py")
    app = f"services.{name}.app:create_app()"
    return [sys.executable, "-m", "gunicorn", "-c", config, app]


def _arguments(name: str, layout: Layout) -> list[str | Path]:
    arguments: list[str | Path] = ["--data", layout.data(name)]
    if name in ("storage", "relay"):
        arguments += ["--keys", layout.keys]
    if name == "relay":
        for service in ("generator", "notifier"):
            arguments += [f"--{service}", layout.url(service)]
    return arguments
