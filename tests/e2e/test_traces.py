"""One submit is one trace, in the logs of all three services and in what they export."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from shared.signals import SIGNALS
from tests.support.otlp import Collector, Spanned
from tests.support.rig import Rig
from tests.support.rigs import FAST, running_rig
from tests.support.waiting import wait_for

SERVICES = ("ingest", "generator", "notifier")
TRACE, SPAN = "logging.googleapis.com/trace", "logging.googleapis.com/spanId"
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector()
    with collector.server:
        yield collector


@pytest.fixture(scope="module")
def own_rig(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Rig]:
    """A stack that exports, and whose metrics come soon."""
    exports = {"OTLP_ENDPOINT": collector.server.url, "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
    with running_rig(tmp_path_factory.mktemp("traces"), FAST | exports) as rig:
        yield rig


def lines(rig: Rig, service: str) -> list[dict[str, Any]]:
    """Every line of a service's log: each must be JSON."""
    text = rig.stack._layout.log(service).read_text()
    return [json.loads(line) for line in text.splitlines()]


def traced(rig: Rig, service: str, trace: str) -> list[dict[str, Any]]:
    return [line for line in lines(rig, service) if line.get(TRACE, "").endswith(trace)]


class Submitted:
    """A track with a callback, sent by a caller who has a trace; done when it is delivered."""

    def __init__(self, rig: Rig) -> None:
        self.trace, self.span = uuid.uuid4().hex, uuid.uuid4().hex[:16]
        self.secret = f"q{uuid.uuid4().hex}"
        self.prompt = f"warm strings for {uuid.uuid4().hex}"
        rig.http.headers["traceparent"] = f"00-{self.trace}-{self.span}-00"
        try:
            self.sent = rig.submit(
                prompt=self.prompt,
                callback_url=f"{rig.info['webhook_sink']}/hook/traced?token={self.secret}",
            )
        finally:
            del rig.http.headers["traceparent"]
        rig.ended(self.sent.id)
        rig.settled(self.sent.id)
        wait_for(lambda: rig.get(self.sent.id)["webhook"]["state"] == "delivered")


@pytest.fixture(scope="module")
def submitted(own_rig: Rig) -> Submitted:
    return Submitted(own_rig)


def test_one_trace_id_stands_in_the_logs_of_all_three(own_rig: Rig, submitted: Submitted) -> None:
    check_trace(own_rig, submitted)


def test_every_line_is_one_object_and_tells_no_secret(own_rig: Rig, submitted: Submitted) -> None:
    check_lines(own_rig, submitted)


def test_a_stack_that_exports_nothing_logs_the_same(rig: Rig) -> None:
    sent = Submitted(rig)
    check_trace(rig, sent)
    check_lines(rig, sent)


def check_trace(rig: Rig, submitted: Submitted) -> None:
    expected = {
        "ingest": {"track submitted"},
        "generator": {"model called", "track ended"},
        "notifier": {"webhook attempted"},
    }
    for service, messages in expected.items():
        found = traced(rig, service, submitted.trace)
        assert messages <= {line["message"] for line in found}, service
        for line in found:
            assert line["request_id"] == submitted.sent.id
            assert line[TRACE] == f"projects/{rig.info['project']}/traces/{submitted.trace}"


def check_lines(rig: Rig, submitted: Submitted) -> None:
    for service in SERVICES:
        found = lines(rig, service)
        assert all({"severity", "message", "time"} <= line.keys() for line in found), service
        inside = [line for line in found if "http_request_id" in line]
        assert inside
        assert all({TRACE, SPAN} <= line.keys() for line in inside), service
        assert all("http_request_id" in line for line in found if TRACE in line), service
        text = rig.stack._layout.log(service).read_text()
        for secret in (submitted.prompt, submitted.secret, rig.info["webhook_secret"], "?token"):
            assert secret not in text, service


def spans_of(collector: Collector, trace: str) -> dict[str, list[Spanned]]:
    """The spans of a trace by name, once the last of them is there."""

    def found() -> bool:
        return {"POST /v1/tracks", "finish", "deliver"} <= {s.name for s in collector.of(trace)}

    wait_for(found, 30)
    named: dict[str, list[Spanned]] = {}
    for span in collector.of(trace):
        named.setdefault(span.name, []).append(span)
    return named


def test_the_spans_of_a_submit_are_one_tree_over_three_services(
    collector: Collector, submitted: Submitted
) -> None:
    named = spans_of(collector, submitted.trace)
    by_id = {span.id: span for spans in named.values() for span in spans}

    def above(span: Spanned) -> str:
        parent = by_id.get(span.parent)
        return f"{parent.service} {parent.name}" if parent else span.parent

    (submit,) = named["POST /v1/tracks"]
    assert (submit.kind, submit.service, above(submit)) == (SERVER, "motif-ingest", submitted.span)
    assert submit.attributes == {"http.response.status_code": 202}
    tree = {(span.service, span.name, above(span)) for span in by_id.values()}
    assert tree >= {
        ("motif-ingest", "publish", "motif-ingest POST /v1/tracks"),
        ("motif-generator", "process", "motif-ingest publish"),
        *(
            ("motif-generator", name, "motif-generator process")
            for name in ("claim", "clip 0 call", "master", "store", "finish")
        ),
        ("motif-generator", "publish", "motif-generator finish"),
        ("motif-notifier", "process", "motif-generator publish"),
        ("motif-notifier", "deliver", "motif-notifier process"),
    }
    kinds = {name: {span.kind for span in named[name]} for name in named}
    assert kinds["publish"] == {PRODUCER}
    assert kinds["process"] == {CONSUMER}
    assert kinds["clip 0 call"] == kinds["deliver"] == {CLIENT}
    assert named["deliver"][0].attributes["outcome"] == "delivered"
    assert named["clip 0 call"][0].attributes["outcome"] == "stored"


def test_no_span_holds_prompt_secret_or_address(
    collector: Collector, own_rig: Rig, submitted: Submitted
) -> None:
    spans_of(collector, submitted.trace)
    for secret in (submitted.prompt, submitted.secret, "/hook/", own_rig.info["webhook_secret"]):
        assert secret.encode() not in collector.raw


def test_each_instance_says_which_it_is(collector: Collector, submitted: Submitted) -> None:
    spans_of(collector, submitted.trace)
    by_service = {resource["service.name"]: resource for resource in collector.resources}
    assert by_service.keys() == {f"motif-{service}" for service in SERVICES}
    assert {resource["gcp.project_id"] for resource in by_service.values()} == {"motif-local"}
    assert len({resource["service.instance.id"] for resource in by_service.values()}) == 3


def test_signals_are_metrics_too(collector: Collector, submitted: Submitted) -> None:
    heard = {
        metric.name: {f"motif-{service}"}
        for signal, service in zip(
            SIGNALS, ("ingest", "generator", "generator", "notifier"), strict=False
        )
        for metric in signal.metrics
    }
    wait_for(lambda: heard.keys() <= collector.metrics.keys(), 30)
    assert {name: collector.metrics[name] for name in heard} == heard
