"""A receiver of OTLP over HTTP: decodes what an exporter sends, and keeps it."""

import gzip
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from deploy.local.http import Request, Response, Server


@dataclass(frozen=True)
class Spanned:
    """One span as it arrived."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    """Trace ids."""
    attributes: dict[str, Any]


class Collector:
    """What has arrived so far; ``server`` serves it."""

    def __init__(self) -> None:
        self.spans: list[Spanned] = []
        self.metrics: dict[str, set[str]] = {}
        """Name -> services that sent it."""
        self.resources: list[dict[str, Any]] = []
        self.raw = b""
        self.server = Server(self._take)

    def of(self, trace: str) -> list[Spanned]:
        return [span for span in self.spans if span.trace == trace]

    def _take(self, request: Request) -> Response:
        body = request.body
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.raw += body
        if request.path == "/v1/traces":
            self._take_spans(ExportTraceServiceRequest.FromString(body))
        elif request.path == "/v1/metrics":
            self._take_metrics(ExportMetricsServiceRequest.FromString(body))
        else:
            return Response(404)
        return Response(200)

    def _take_spans(self, sent: Any) -> None:
        for group in sent.resource_spans:
            resource = _plain(group.resource.attributes)
            self.resources.append(resource)
            for scope in group.scope_spans:
                self.spans += [_spanned(resource["service.name"], span) for span in scope.spans]

    def _take_metrics(self, sent: Any) -> None:
        for group in sent.resource_metrics:
            service = _plain(group.resource.attributes)["service.name"]
            for scope in group.scope_metrics:
                for metric in scope.metrics:
                    self.metrics.setdefault(metric.name, set()).add(service)


def _spanned(service: str, span: Any) -> Spanned:
    return Spanned(
        service=service,
        name=span.name,
        kind=span.kind,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        links=tuple(link.trace_id.hex() for link in span.links),
        attributes=_plain(span.attributes),
    )


def _plain(attributes: Any) -> dict[str, Any]:
    return {
        one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value")
        for one in attributes
    }
