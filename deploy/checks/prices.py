"""List prices of Google Cloud, and what an amount of something costs at them."""

from dataclasses import dataclass
from typing import Final

GIB: Final = 2**30

PRICES: Final[dict[str, tuple[float, float, float, str]]] = {
    # name: (USD, for so many, free in a month, of what)
    "cpu": (0.000024, 1, 180_000, "vCPU-second, Cloud Run, billed by request"),
    "memory": (0.0000025, 1, 360_000, "GiB-second, Cloud Run, billed by request"),
    "request": (0.40, 1e6, 2e6, "request, Cloud Run"),
    "read": (0.06, 1e5, 1_500_000, "document read, Firestore (the price of a multi-region)"),
    "write": (0.18, 1e5, 600_000, "document write, Firestore (the same)"),
    "delete": (0.02, 1e5, 0, "document deleted by TTL, Firestore (the same)"),
    "document": (0.18, GIB, GIB, "byte and month, Firestore with its indexes (the same)"),
    "message": (40, 2**40, 10 * GIB, "byte published or delivered, Pub/Sub, 1 kB at least"),
    "event": (0.40, 1e6, 0, "event, Eventarc (those of Google's own sources are free)"),
    "standard": (0.020, 1e9, 5e9, "byte and month, Cloud Storage, Standard"),
    "nearline": (0.010, 1e9, 0, "byte and month, Nearline"),
    "coldline": (0.004, 1e9, 0, "byte and month, Coldline"),
    "object_a": (0.05, 1e4, 5_000, "object written or listed, Standard"),
    "object_b": (0.004, 1e4, 50_000, "object read"),
    "to_nearline": (0.10, 1e4, 0, "object moved to Nearline"),
    "to_coldline": (0.20, 1e4, 0, "object moved to Coldline"),
    "egress": (0.12, 1e9, 100e9, "byte to the internet, Cloud Storage, premium tier"),
    "log": (0.50, GIB, 50 * GIB, "byte of logs, kept for 30 days"),
    "span": (0.20, 1e6, 2.5e6, "span, Cloud Trace"),
    "sample": (0.06, 1e6, 0, "sample of a metric over OTLP"),
    "metric": (0.258, 2**20, 150 * 2**20, "byte of metrics from logs"),
    "condition": (0.10, 1, 0, "condition of an alert and month"),
    "series": (0.35, 1e6, 0, "series that a condition looks at"),
    "job": (0.10, 1, 3, "job and month, Cloud Scheduler"),
    "secret": (0.06, 1, 6, "version of a secret and month"),
    "image": (0.10, 1e9, 0.5e9, "byte and month, Artifact Registry"),
}
"""List prices of us-central1, as known in November 2026."""


@dataclass(frozen=True, slots=True)
class Use:
    """So much of something, for a track or in a month without one."""

    part: str
    price: str
    amount: float
    why: str

    @property
    def usd(self) -> float:
        """At the list price, nothing free."""
        price, of, _, _ = PRICES[self.price]
        return self.amount * price / of
