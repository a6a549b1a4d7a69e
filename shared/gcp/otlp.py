"""Spans and metrics over OTLP: to Google's own endpoint, or to any collector.

Imported only where ``OTLP_ENDPOINT`` is set: it costs start-up time.
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import google.auth
import requests
from google.auth.transport.requests import AuthorizedSession
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from shared import signals, tracing

GOOGLE: Final = "telemetry.googleapis.com"
_SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
_PATIENCE: Final = 5.0
"""Seconds that one export may take with its repetitions."""
_LAST_SECONDS: Final = 1.8
"""gunicorn's worker has two seconds for everything that is to be flushed."""
_PUSH_SECONDS: Final = 0.5
_NAME: Final = "motif"
_SDK: Final = logging.getLogger("opentelemetry")


class Exporter:
    """The process's providers; nothing global is set, so no library adds spans of its own."""

    def __init__(self, endpoint: str, *, project: str, service: str, share: float) -> None:
        """Export to *endpoint*, a base URL; *share* (0 to 1) of the traces nobody has chosen.

        Raises:
            google.auth.exceptions.DefaultCredentialsError: Google's endpoint, and no credentials.
        """
        base = endpoint.rstrip("/")
        resource = Resource.create(
            {
                "service.name": os.environ.get("K_SERVICE") or f"motif-{service}",
                "service.version": os.environ.get("K_REVISION") or "local",
                "service.instance.id": uuid.uuid4().hex,
                "gcp.project_id": project,
            }
        )
        chosen = TraceIdRatioBased(share)
        # Cloud Run's front end marks most requests as not sampled, whoever sent them.
        sampler = ParentBased(chosen, remote_parent_not_sampled=chosen)
        self._spans = TracerProvider(sampler, resource, shutdown_on_exit=False)
        spans = OTLPSpanExporter(f"{base}/v1/traces", timeout=_PATIENCE, session=_session(endpoint))
        self._spans.add_span_processor(BatchSpanProcessor(spans))
        metrics = OTLPMetricExporter(
            f"{base}/v1/metrics", timeout=_PATIENCE, session=_session(endpoint)
        )
        self._metrics = MeterProvider(
            [PeriodicExportingMetricReader(metrics)], resource, shutdown_on_exit=False
        )
        self._pushing = threading.Lock()

    def start(self) -> None:
        """Take what is told from now on."""
        _SDK.handlers, _SDK.propagate = [_Lowered()], False
        tracing.export_to(self._spans.get_tracer(_NAME), self._push)
        signals.export_to(self._metrics.get_meter(_NAME))

    def stop(self) -> None:
        """Send everything, as the process ends, and take nothing more."""
        _within(_LAST_SECONDS, self._spans.shutdown, self._metrics.shutdown)

    def _push(self) -> None:
        """Send the spans there are, unless another thread is at it."""
        if self._pushing.acquire(blocking=False):
            _within(_PUSH_SECONDS, self._pushed)

    def _pushed(self) -> None:
        try:
            self._spans.force_flush()
        finally:
            self._pushing.release()


class _Lowered(logging.Handler):
    """Passes on what the SDK logs, as a warning at most.

    A collector that is away costs figures and no track: no error that wakes somebody, or that
    brings a new version back.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """To where all lines go."""
        if record.levelno > logging.WARNING:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        root = logging.getLogger()
        if root.isEnabledFor(record.levelno):
            root.handle(record)


def _session(endpoint: str) -> requests.Session | None:
    """One for each exporter: a session is not for two threads at once."""
    parts = urlsplit(endpoint)
    if (parts.scheme, parts.hostname) != ("https", GOOGLE):
        return None
    credentials, _ = google.auth.default(scopes=_SCOPES)
    return AuthorizedSession(credentials)


def _within(seconds: float, *steps: Callable[[], object]) -> None:
    """Run *steps* side by side; the SDK's exporters do not keep its time limits."""
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=step, name="otlp", daemon=True) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
