"""What a person at the terminal sees: a line that moves, and where everything is."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TextIO

_WIDTH: Final = 30
_CLEAR: Final = "\r\x1b[K"
_ADDRESSES: Final = {
    "API": "api",
    "Generator": "generator",
    "Notifier": "notifier",
    "Webhook sink": "webhook_sink",
    "Vertex AI": "vertex",
    "Storage": "storage",
    "Relay": "relay",
    "Pub/Sub": "pubsub",
    "Firestore": "firestore",
}


class Progress:
    """One line that changes on a terminal; elsewhere a line for each new step."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        """Write to *out*."""
        self._out = out
        self._last = ""

    def show(self, fraction: float, text: str) -> None:
        """Say that *text* is being done, *fraction* (0 to 1) of all being behind us."""
        if self._out.isatty():
            bar = "#" * round(fraction * _WIDTH)
            self._out.write(f"{_CLEAR}[{bar:<{_WIDTH}}] {fraction:4.0%}  {text}")
        elif text != self._last:
            self._out.write(f"{fraction:4.0%}  {text}\n")
        self._last = text
        self._out.flush()

    def end(self) -> None:
        """What follows begins a new line."""
        if self._out.isatty() and self._last:
            self._out.write("\n")
            self._out.flush()


def audio_line(path: Path, audio: Mapping[str, Any]) -> str:
    """A finished file: where it is, and what was measured (LUFS, dBTP)."""
    return (
        f"{shown(path)}: {audio['duration_seconds']:.1f} s, "
        f"{audio['size_bytes'] / 1e6:.1f} MB, {audio['loudness_lufs']:.1f} LUFS, "
        f"true peak {audio['true_peak_dbtp']:.1f} dBTP"
    )


def addresses(info: Mapping[str, Any]) -> str:
    """Where everything is, a line each."""
    return "\n".join(f"  {name:<13} {info[key]}" for name, key in _ADDRESSES.items())


def shown(path: Path) -> str:
    """*path*, relative where that is shorter."""
    return min(os.fspath(path), os.path.relpath(path), key=len)
