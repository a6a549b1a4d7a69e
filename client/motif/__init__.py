"""The client of Motif.

``Client`` submits tracks and follows them to finished audio; ``motif.webhooks`` verifies webhooks
and needs no other package; the command line is ``motif``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from motif.errors import (
    BadAnswer,
    Damaged,
    Limited,
    Misuse,
    MotifError,
    Refused,
    TimedOut,
    TrackFailed,
    Unavailable,
)
from motif.results import Track
from motif.version import __version__

if TYPE_CHECKING:
    from motif.client import Client

__all__ = [
    "BadAnswer",
    "Client",
    "Damaged",
    "Limited",
    "Misuse",
    "MotifError",
    "Refused",
    "TimedOut",
    "Track",
    "TrackFailed",
    "Unavailable",
    "__version__",
]


def __getattr__(name: str) -> Any:
    # Whoever only verifies webhooks has no use for httpx, and may not have it.
    if name == "Client":
        return import_module("motif.client").Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
