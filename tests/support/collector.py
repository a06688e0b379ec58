"""A stand-in for an OpenTelemetry collector: takes OTLP over HTTP, and keeps the spans that it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Sent:
    """A span as it arrived.

    Attributes:
        service: the kind of the process that sent it.
        attributes: its attributes, as texts.
    """

    service: str
    name: str
    trace: str
    id: str
    parent: str
    start_ns: int
    end_ns: int
    attributes: dict[str, str]


@dataclass
class Collector:
    """A running collector, with the requests that have arrived.

    Attributes:
        url: the value of OTEL_EXPORTER_OTLP_ENDPOINT.
        bodies: the requests, unparsed.
    """

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)

    def spans(self, trace: str) -> list[Sent]:
        """Return the spans of a trace."""
        return [span for body in list(self.bodies) for span in _spans(body) if span.trace == trace]


def _spans(body: bytes) -> Iterator[Sent]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = {each.key: each.value.string_value for each in resource.resource.attributes}["service.name"]
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            attributes = {each.key: str(each.value) for each in span.attributes}
            ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
            times = (span.start_time_unix_nano, span.end_time_unix_nano)
            yield Sent(service, span.name, *ids, *times, attributes)


@contextmanager
def collector() -> Iterator[Collector]:
    """Run a collector on a free port."""
    kept = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces", self.path
            kept.bodies.append(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write no log line."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield kept
        finally:
            server.shutdown()
