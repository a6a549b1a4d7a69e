"""What is part of which trace: read, written down, carried on, and exported."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer, SpanKind, StatusCode

from shared import tracing

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
OTHER = "0af7651916cd43dd8448eb211c80319c"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
ELSEWHERE = f"00-{OTHER}-b7ad6b7169203331-01"


class Spans:
    """What was exported so far."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("tests")
        self.pushes = 0

    def push(self) -> None:
        self.pushes += 1

    def named(self, name: str) -> ReadableSpan:
        (span,) = [s for s in self._exporter.get_finished_spans() if s.name == name]
        return span


@pytest.fixture
def spans() -> Iterator[Spans]:
    spans = Spans()
    tracing.export_to(spans.tracer, spans.push)
    yield spans
    tracing.export_to(NoOpTracer(), lambda: None)


def ids(span: ReadableSpan) -> tuple[str, str]:
    assert span.context is not None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def parent_of(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent else ""


@pytest.mark.parametrize("traceparent", [PARENT, f"00-{TRACE}-{SPAN}-00"])
def test_a_traceparent_is_read_as_it_is_written(traceparent: str) -> None:
    assert tracing.written(tracing.parsed(traceparent)) == traceparent


@pytest.mark.parametrize(
    "traceparent",
    [
        *("", "x", f"00-{TRACE}-{SPAN}", f"00-{TRACE.upper()}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01"),
        *(f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{SPAN}-01\n"),
        f"00-{TRACE}-{SPAN}-zz",
    ],
)
def test_what_is_no_traceparent_names_no_trace(traceparent: str) -> None:
    assert not tracing.parsed(traceparent).is_valid
    assert tracing.written(tracing.parsed(traceparent)) == ""


@pytest.mark.parametrize(
    ("traceparent", "google", "found"),
    [
        (PARENT, f"{OTHER}/1;o=1", PARENT),
        ("", f"{TRACE}/{int(SPAN, 16)};o=1", PARENT),
        ("nonsense", f"{TRACE.upper()}/{int(SPAN, 16)}", f"00-{TRACE}-{SPAN}-00"),
        ("", f"{TRACE}/{2**64}", ""),
        ("", f"{TRACE}/0", ""),
        ("", "x/1", ""),
        ("", "", ""),
    ],
)
def test_the_sender_of_a_request(traceparent: str, google: str, found: str) -> None:
    assert tracing.written(tracing.sent(traceparent, google)) == found


def test_a_request_of_nobody_has_a_trace_of_its_own() -> None:
    found = set()
    for _ in range(2):
        with tracing.request(tracing.sent("")):
            assert tracing.current().is_valid
            found.add(tracing.current().trace_id)
    assert len(found) == 2
    assert not tracing.current().is_valid


def test_what_is_kept_belongs_to_the_trace_of_what_is_there() -> None:
    assert tracing.kept(PARENT) == PARENT
    assert tracing.kept() == ""
    with tracing.request(tracing.sent(ELSEWHERE)):
        assert tracing.kept() == tracing.kept("broken") == ELSEWHERE
        assert tracing.kept(PARENT) == PARENT
        assert tracing.kept(f"00-{OTHER}-{SPAN}-01") == ELSEWHERE


def test_without_an_exporter_all_of_a_trace_has_its_ids() -> None:
    with tracing.request(tracing.sent(ELSEWHERE), "POST /x"):
        with tracing.span("own"):
            assert tracing.kept() == ELSEWHERE
        with tracing.span("another's", parent=PARENT):
            assert tracing.kept() == PARENT
        with tracing.publishing("t.v1", PARENT) as carried:
            assert carried == {tracing.ATTRIBUTE: PARENT}
        assert tracing.kept() == ELSEWHERE


def test_a_message_of_no_trace_carries_none() -> None:
    with tracing.publishing("t.v1", "") as carried:
        assert carried == {}


def test_a_request_is_part_of_its_senders_trace(spans: Spans) -> None:
    with tracing.request(tracing.sent(PARENT), "POST /v1/tracks"):
        inside = tracing.kept()
        tracing.answered(202)
    span = spans.named("POST /v1/tracks")
    assert (ids(span)[0], parent_of(span), span.kind) == (TRACE, SPAN, SpanKind.SERVER)
    assert inside == f"00-{TRACE}-{ids(span)[1]}-01"
    assert span.attributes == {"http.response.status_code": 202}


def test_the_first_span_of_a_trace_has_no_parent(spans: Spans) -> None:
    with tracing.request(tracing.sent(""), "GET /"):
        pass
    assert spans.named("GET /").parent is None


def test_work_for_another_trace_is_part_of_that_and_linked(spans: Spans) -> None:
    with tracing.request(tracing.sent(ELSEWHERE)):
        with tracing.span("process", SpanKind.CONSUMER, parent=PARENT), tracing.span("step"):
            pass
        with tracing.publishing("t.v1", PARENT) as carried:
            pass
    process, step, publish = (spans.named(name) for name in ("process", "step", "publish"))
    assert (ids(process)[0], parent_of(process)) == (TRACE, SPAN)
    (link,) = process.links
    assert tracing.written(link.context) == ELSEWHERE
    assert parent_of(step) == ids(process)[1]
    assert not step.links
    assert (ids(publish)[0], parent_of(publish), publish.kind) == (TRACE, SPAN, SpanKind.PRODUCER)
    assert carried == {tracing.ATTRIBUTE: f"00-{TRACE}-{ids(publish)[1]}-01"}


def test_a_retry_points_to_the_run_before(spans: Spans) -> None:
    with tracing.request(tracing.sent(ELSEWHERE), "POST /retry"):
        tracing.link(PARENT)
        tracing.link("")
    (link,) = spans.named("POST /retry").links
    assert tracing.written(link.context) == PARENT


def test_a_failure_leaves_its_kind_and_no_text(spans: Spans) -> None:
    with pytest.raises(ValueError, match="secret"), tracing.span("step"):
        raise ValueError("a secret prompt")
    span = spans.named("step")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert "secret" not in span.to_json()


@pytest.mark.parametrize(("status", "fails"), [(404, False), (503, True)])
def test_only_our_own_failures_are_errors(spans: Spans, status: int, fails: bool) -> None:
    with tracing.request(tracing.sent(""), "GET /"):
        tracing.answered(status)
    assert (spans.named("GET /").status.status_code is StatusCode.ERROR) is fails


def test_what_has_ended_is_pushed(spans: Spans) -> None:
    tracing.push()
    assert spans.pushes == 1
