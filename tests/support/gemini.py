"""The stand-in of Gemini as a process, and what it has been shown."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

from tests.support.processes import running

_GENERATE: Final = {"method": "^generateContent$"}


@dataclass(frozen=True)
class Gemini:
    """One that runs; ``fault`` spoils its answers."""

    url: str
    folder: Path

    def looks(self) -> list[dict[str, Any]]:
        """One line for each image that it has looked at."""
        text = (self.folder / "looks.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def fault(self, count: int = 1, **action: Any) -> None:
        """Spoil the next *count* answers."""
        rule = {"match": _GENERATE, "action": action, "count": count}
        requests.post(f"{self.url}/_faults", json=[rule], timeout=5).raise_for_status()

    def fired(self) -> int:
        """How many were spoiled; none is left to be."""
        state = requests.get(f"{self.url}/_faults", timeout=5).json()
        requests.delete(f"{self.url}/_faults", timeout=5)
        assert state["armed"] == []
        return int(state["fired"])


@contextmanager
def looking(folder: Path) -> Iterator[Gemini]:
    """Run it, with its files in *folder*."""
    env = {"VERTEX_LATENCY_SECONDS": "0", "VERTEX_PRERENDERED": "0"}
    arguments = ("--data", folder / "data")
    with running("deploy.local.vertex", *arguments, log=folder / "log", **env) as url:
        yield Gemini(url, folder / "data")
