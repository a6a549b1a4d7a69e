"""What happened, one JSON line per call, on disk before the reply is sent."""

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, Final

from deploy.local.vertex.call import Call
from deploy.local.vertex.music.prompts import read

PAID: Final = "paid_calls.jsonl"
CALLS: Final = "calls.jsonl"


class Ledger:
    """The files of one stand-in; a prompt is kept as its SHA-256 only."""

    def __init__(self, folder: Path) -> None:
        """Append to `folder`/paid_calls.jsonl and `folder`/calls.jsonl."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        (folder / PAID).touch()
        (folder / CALLS).touch()

    def paid(self, call: Call, latency: float) -> None:
        """Audio was made and will be billed, whether or not the reply arrives."""
        self._append(PAID, {**_facts(call), "clips": len(call.seeds), "latency_seconds": latency})

    def answered(self, call: Call | None, status: int | None, latency: float) -> None:
        """A call got this HTTP status; None when its connection was reset."""
        facts = _facts(call) if call else {"time": time.time()}
        self._append(CALLS, {**facts, "status": status, "latency_seconds": latency})

    def _append(self, name: str, line: dict[str, Any]) -> None:
        """One write of one line: a reader never sees half of it, a kill loses none."""
        file = os.open(self._folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, json.dumps(line).encode() + b"\n")
        finally:
            os.close(file)


def _facts(call: Call) -> dict[str, Any]:
    return {
        "time": time.time(),
        "prompt_sha256": hashlib.sha256(call.prompt.encode()).hexdigest(),
        "seed": call.seed,
        "style": read(call.prompt).style,
    }
