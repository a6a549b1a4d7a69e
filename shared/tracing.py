"""One trace from submit to delivery: W3C Trace Context, carried by documents and messages.

Without an exporter a span costs next to nothing: it records nothing, and has the ids of whatever
it is part of. Spans never hold prompts, secrets or URLs.
"""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    NoOpTracer,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
)

ATTRIBUTE: Final = "googclient_traceparent"
"""Of a Pub/Sub message; the name is that of Google's own clients."""
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_GOOGLE: Final = re.compile(r"([0-9a-fA-F]{32})/([0-9]{1,20})(?:;o=([0-9]))?")
_SPAN_BITS: Final = 64
_SERVER_FAULT: Final = 500


class _Place:
    """Where spans go: nowhere, unless an exporter was started."""

    tracer: Tracer = NoOpTracer()
    push: Callable[[], None] | None = None


def export_to(tracer: Tracer, push: Callable[[], None]) -> None:
    """Make every later span with *tracer*; *push* sends those that have ended."""
    _Place.tracer, _Place.push = tracer, staticmethod(push)


def push() -> None:
    """Send what has ended now: Cloud Run may stop the CPU when the request is answered."""
    if _Place.push is not None:
        _Place.push()


def current() -> SpanContext:
    """The span that we are in, which may be none (``is_valid``)."""
    return trace.get_current_span().get_span_context()


def parsed(traceparent: str) -> SpanContext:
    """The span that a ``traceparent`` names; an invalid one where it names none."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return trace.INVALID_SPAN_CONTEXT
    return _remote(int(match[1], 16), int(match[2], 16), int(match[3], 16) & TraceFlags.SAMPLED)


def written(context: SpanContext) -> str:
    """*context* as a ``traceparent``; empty when it is invalid."""
    if not context.is_valid:
        return ""
    flags = context.trace_flags & TraceFlags.SAMPLED
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"


def kept(traceparent: str = "") -> str:
    """What to write down, so that what comes later belongs to the trace of *traceparent*.

    That is the span we are in, if it is part of that trace, or if there is no such trace.
    """
    here, there = current(), parsed(traceparent)
    return written(there if there.is_valid and there.trace_id != here.trace_id else here)


def sent(traceparent: str, google: str = "") -> SpanContext:
    """What a request is part of, by its ``traceparent``, else its ``X-Cloud-Trace-Context``."""
    standard, match = parsed(traceparent), _GOOGLE.fullmatch(google)
    if standard.is_valid or match is None:
        return standard
    return _remote(int(match[1], 16), int(match[2]), int(match[3] or 0) & TraceFlags.SAMPLED)


@contextmanager
def request(sender: SpanContext, name: str = "") -> Iterator[None]:
    """One HTTP request, part of its sender's trace or of a new one; unrecorded without a *name*."""
    outside = NonRecordingSpan(sender)
    span: Span = outside
    if name:
        around = trace.set_span_in_context(outside, Context())
        span = _Place.tracer.start_span(name, around, SpanKind.SERVER)
    if not span.get_span_context().is_valid:
        span = NonRecordingSpan(_remote(random.getrandbits(128), random.getrandbits(64)))
    with _inside(span):
        yield


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    /,
    *,
    parent: str = "",
    **attributes: str | float,
) -> Iterator[Span]:
    """Something that takes time, part of what we are in.

    Where *parent*, a ``traceparent``, is of another trace, the span is part of that one, and
    linked to what we are in.
    """
    here, there = current(), parsed(parent)
    around, links = None, []
    if there.is_valid and there.trace_id != here.trace_id:
        around = trace.set_span_in_context(NonRecordingSpan(there), Context())
        links = [Link(here)] if here.is_valid else []
    with _inside(_Place.tracer.start_span(name, around, kind, attributes, links)) as made:
        yield made


@contextmanager
def publishing(message_type: str, traceparent: str) -> Iterator[dict[str, str]]:
    """One message that belongs to the trace of *traceparent*; gives its attribute for that."""
    with span("publish", SpanKind.PRODUCER, parent=traceparent, type=message_type):
        own = kept(traceparent)
        yield {ATTRIBUTE: own} if own else {}


def link(traceparent: str) -> None:
    """Point from the span that we are in to an older one."""
    older = parsed(traceparent)
    if older.is_valid:
        trace.get_current_span().add_link(older)


def answered(status: int) -> None:
    """Note on the span that we are in what its request was answered."""
    span = trace.get_current_span()
    span.set_attribute("http.response.status_code", status)
    if status >= _SERVER_FAULT:
        span.set_status(Status(StatusCode.ERROR))


def _remote(trace_id: int, span_id: int, flags: int = 0) -> SpanContext:
    if span_id.bit_length() > _SPAN_BITS:
        return trace.INVALID_SPAN_CONTEXT
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))


@contextmanager
def _inside(span: Span) -> Iterator[Span]:
    # An exception's text may hold what no span may.
    with trace.use_span(
        span, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield span
        except Exception as exc:
            span.set_status(Status(StatusCode.ERROR, type(exc).__name__))
            raise
