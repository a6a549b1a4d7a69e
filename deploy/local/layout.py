"""Where one stack is: its folder, its ports, and what ``stack.json`` tells about them."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.local.bootstrap import ROOT
from deploy.local.process import HOST

STATE: Final = "MOTIF_STATE"
API_KEY: Final = "LOCAL_API_KEY"
"""Set where the stack's API asks for keys: one that is good."""


def state_folder(env: Mapping[str, str]) -> Path:
    """``MOTIF_STATE``, else ``.local`` in the repository."""
    return Path(env.get(STATE) or ROOT / ".local").absolute()


@dataclass(frozen=True)
class Layout:
    """Folder and ports; *ports* maps each process's name to its port on the loopback interface."""

    state: Path
    ports: Mapping[str, int]

    def host(self, name: str) -> str:
        """``127.0.0.1:8080``."""
        return f"{HOST}:{self.ports[name]}"

    def url(self, name: str) -> str:
        """``http://127.0.0.1:8080``."""
        return f"http://{self.host(name)}"

    def log(self, name: str) -> Path:
        """Where *name*'s stdout and stderr go."""
        return self.state / "logs" / f"{name}.log"

    def data(self, name: str) -> Path:
        """What *name* keeps while the stack runs."""
        return self.state / "data" / name

    @property
    def keys(self) -> Path:
        """The signing keys, kept from start to start."""
        return self.state / "keys"

    @property
    def paid_calls(self) -> Path:
        """One line for each model call that was paid for."""
        return self.data("vertex") / "paid_calls.jsonl"

    def clear(self) -> None:
        """Forget the last run: the emulators have, so the rest must agree with them."""
        shutil.rmtree(self.state / "data", ignore_errors=True)
        self.paid_calls.parent.mkdir(parents=True)
        self.paid_calls.touch()

    def describe(self, env: Mapping[str, str]) -> dict[str, Any]:
        """``stack.json``; the three emulators as their ``*_EMULATOR_HOST`` variable wants them."""
        api = self.url("ingest")
        return {
            "api": api,
            "studio": api,
            "docs": f"{api}/docs",
            "generator": self.url("generator"),
            "notifier": self.url("notifier"),
            "webhook_sink": self.url("sink"),
            "vertex": self.url("vertex"),
            "pubsub": self.host("pubsub"),
            "firestore": self.host("firestore"),
            "storage": self.url("storage"),
            "relay": self.url("relay"),
            "project": env["GCP_PROJECT"],
            "prompts_bucket": env["INPUT_BUCKET"],
            "output_bucket": env["OUTPUT_BUCKET"],
            "webhook_secret": env["WEBHOOK_SECRET"],
            **({"api_key": env[API_KEY]} if API_KEY in env else {}),
            "paid_calls": os.fspath(self.paid_calls),
            "topics": {
                "requests": env["REQUESTS_TOPIC"],
                "events": env["EVENTS_TOPIC"],
                "progress": env["PROGRESS_TOPIC"],
                "requests_dead": f"{env['REQUESTS_TOPIC']}-dead",
                "events_dead": f"{env['EVENTS_TOPIC']}-dead",
                "progress_dead": f"{env['PROGRESS_TOPIC']}-dead",
            },
        }
