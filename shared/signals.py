"""What the services tell operators: one table; each signal a log line and its metrics.

Dashboards, alerts and ``docs/operations.md`` go by this table. A death between a commit and its
signal loses the signal: documents are the truth, usage rows what was spent.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

_log: Final = logging.getLogger(__name__)

SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
"""Bounds of the classes of every histogram."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One OpenTelemetry instrument fed by a signal."""

    name: str
    labels: tuple[str, ...] = ()
    """Fields with few values: never an id."""
    of: str = ""
    """The field that is added up; empty: each signal counts one."""
    histogram: bool = False
    unit: str = "1"


@dataclass(frozen=True, slots=True)
class Signal:
    """A log line with this message and exactly these fields, and what is measured by them."""

    message: str
    fields: tuple[str, ...]
    metrics: tuple[Metric, ...]
    meaning: str


TRACK_SUBMITTED: Final = Signal(
    "track submitted",
    ("clips", "quote_usd", "style"),
    (Metric("motif.tracks.submitted", ("style",)),),
    "a submit or a retry was accepted",
)
TRACK_ENDED: Final = Signal(
    "track ended",
    ("status", "code", "clips", "provider_calls", "billed_usd", "seconds"),
    (
        Metric("motif.tracks.ended", ("status", "code")),
        Metric("motif.track.seconds", ("status",), "seconds", histogram=True, unit="s"),
        Metric("motif.track.clips", ("status",), "clips"),
        Metric("motif.track.provider_calls", ("status",), "provider_calls"),
        Metric("motif.billed.usd", (), "billed_usd", unit="{USD}"),
    ),
    "an ending was committed; seconds since the run was submitted",
)
MODEL_CALLED: Final = Signal(
    "model called",
    ("model", "outcome", "code", "seconds"),
    (
        Metric("motif.model.calls", ("model", "outcome", "code")),
        Metric("motif.model.seconds", ("model", "outcome"), "seconds", histogram=True, unit="s"),
    ),
    "one call: stored, refused, lost, quota, timeout, blocked, failed; seconds until it answered",
)
WEBHOOK_ATTEMPTED: Final = Signal(
    "webhook attempted",
    ("outcome", "code", "attempt", "seconds"),
    (
        Metric("motif.webhook.attempts", ("outcome", "code")),
        Metric("motif.webhook.seconds", ("outcome",), "seconds", histogram=True, unit="s"),
    ),
    "one POST: delivered, failed or gone (410)",
)
SWEPT: Final = Signal(
    "swept",
    ("collection", "woken", "oldest_seconds"),
    (
        Metric("motif.sweep.woken", ("collection",), "woken"),
        Metric("motif.sweep.oldest", ("collection",), "oldest_seconds", histogram=True, unit="s"),
    ),
    "a pass of the sweeper has ended; how late the row was that had waited longest",
)
PARKED: Final = Signal(
    "parked",
    ("park", "code"),
    (Metric("motif.tracks.parked", ("park", "code")),),
    "a track waits without a worker: for quota, a slot, its next budget, or after a fault",
)
SIGNALS: Final = (TRACK_SUBMITTED, TRACK_ENDED, MODEL_CALLED, WEBHOOK_ATTEMPTED, SWEPT, PARKED)

_Record = Callable[..., None]
_recorders: Final[dict[str, _Record]] = {}


def export_to(meter: "Meter") -> None:
    """Measure every later signal with *meter*, too."""
    for metric in (metric for signal in SIGNALS for metric in signal.metrics):
        _recorders[metric.name] = _recorder(meter, metric)


def tell(signal: Signal, **fields: str | float) -> None:
    """Log *signal*, and measure it; *fields* are those of the table."""
    _log.info(signal.message, extra=fields, stacklevel=2)
    if _recorders:
        for metric in signal.metrics:
            labels = {name: str(fields[name]) for name in metric.labels}
            _recorders[metric.name](fields[metric.of] if metric.of else 1, labels)


def _recorder(meter: "Meter", metric: Metric) -> _Record:
    if metric.histogram:
        return meter.create_histogram(
            metric.name, unit=metric.unit, explicit_bucket_boundaries_advisory=SECONDS
        ).record
    return meter.create_counter(metric.name, unit=metric.unit).add
