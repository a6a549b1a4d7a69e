"""The exporter: what it sends, of which traces, and that nobody waits for it for long."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from opentelemetry.trace import NoOpTracer

from deploy.local.http import Request, Response, Server
from shared import signals, tracing
from shared.gcp import otlp
from tests.support.otlp import Collector
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[3]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CHOSEN = f"00-{TRACE}-00f067aa0ba902b7-01"
NOT_CHOSEN = f"00-{TRACE}-00f067aa0ba902b7-00"


@contextmanager
def exporting(url: str, share: float = 1.0) -> Iterator[otlp.Exporter]:
    exporter = otlp.Exporter(url, project="p", service="ingest", share=share)
    exporter.start()
    try:
        yield exporter
    finally:
        tracing.export_to(NoOpTracer(), lambda: None)
        signals._recorders.clear()
        exporter.stop()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    with collector.server:
        yield collector


def test_the_end_sends_spans_and_metrics(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K_SERVICE", "motif-ingest")
    monkeypatch.setenv("K_REVISION", "motif-ingest-00007")
    with (
        exporting(f"{collector.server.url}/"),
        tracing.request(tracing.sent(CHOSEN), "GET /x"),
    ):
        signals.tell(signals.PARKED, park="slot", code="slot")

    (span,) = collector.spans
    assert (span.service, span.name, span.trace) == ("motif-ingest", "GET /x", TRACE)
    assert collector.resources[0]["service.version"] == "motif-ingest-00007"
    assert collector.metrics == {"motif.tracks.parked": {"motif-ingest"}}


@pytest.mark.parametrize(
    ("sender", "share", "sent"),
    [
        (CHOSEN, 0.0, True),
        (NOT_CHOSEN, 1.0, True),
        (NOT_CHOSEN, 0.0, False),
        ("", 1.0, True),
        ("", 0.0, False),
    ],
)
def test_the_callers_choice_holds_and_the_share_is_of_the_others(
    collector: Collector, sender: str, share: float, sent: bool
) -> None:
    with exporting(collector.server.url, share):
        with tracing.request(tracing.sent(sender), "GET /x"), tracing.span("inside"):
            carried = tracing.kept()
        tracing.push()

    assert {span.name for span in collector.spans} == ({"GET /x", "inside"} if sent else set())
    assert carried.endswith("-01" if sent else "-00")


def test_nobody_waits_for_a_collector_that_does_not_answer() -> None:
    asked, answer = threading.Event(), threading.Event()

    def handle(_: Request) -> Response:
        asked.set()
        answer.wait(60)
        return Response(200)

    with Server(handle) as server:
        with exporting(server.url):
            with tracing.request(tracing.sent(CHOSEN), "GET /x"):
                pass
            tracing.push()
            tracing.push()
            assert asked.is_set()
        assert not answer.is_set()
        answer.set()


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    """What arrives where all lines go."""
    handler = Kept()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_a_collector_that_refuses_is_warned_of_and_is_no_error(kept: Kept) -> None:
    """An ERROR would wake somebody, fail `verify`, and bring a new version back."""

    def said(part: str) -> bool:
        return any(part in record.getMessage() for record in kept.records)

    with Server(lambda _: Response(401)) as server:
        with exporting(server.url), tracing.request(tracing.sent(CHOSEN), "GET /x"):
            signals.tell(signals.PARKED, park="slot", code="slot")
        wait_for(lambda: said("export spans batch") and said("export metrics batch"), 60)

    worst = max(kept.records, key=lambda one: one.levelno)
    assert (worst.levelno, worst.levelname) == (logging.WARNING, "WARNING")


def test_only_googles_endpoint_gets_our_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), "p"))

    assert isinstance(otlp._session("https://telemetry.googleapis.com"), AuthorizedSession)
    for other in (
        "http://telemetry.googleapis.com",
        "https://telemetry.googleapis.com.example",
        "http://127.0.0.1:4318",
    ):
        assert otlp._session(other) is None


CONFIGURED = """
import sys
from shared import telemetry
from shared.settings import CommonSettings
import services.{service}.app
telemetry.configure(CommonSettings(gcp_project="p"), "{service}")
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exp"))])
"""


@pytest.mark.parametrize("service", ["ingest", "generator", "notifier"])
def test_a_service_that_exports_nothing_loads_no_exporter(service: str) -> None:
    command = [sys.executable, "-c", CONFIGURED.format(service=service)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
