"""OpenTelemetry: one trace from a request to the runs of its proofs, on any number of hosts.

Celery's tokens carry no data, so the trace travels with the batch: its `traceparent` (W3C) is stored in the batch, and
a claim brings it to the worker. OpenTelemetry's own environment variables say where spans go. If they name no endpoint,
OpenTelemetry is not imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from farm.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_Values = str | int | float | bool


class Span:
    """The time that a part of the work took. This base class records nothing; it is used while traces are off."""

    def note(self, **attributes: _Values) -> None:
        """Add attributes to this span; no attribute may hold a proof's text."""

    def rename(self, name: str) -> None:
        """Rename this span, now that more is known."""


class _Recorded(Span):
    def __init__(self, span: Any) -> None:
        self._span = span

    def note(self, **attributes: _Values) -> None:
        self._span.set_attributes({f"farm.{name}": value for name, value in attributes.items()})

    def rename(self, name: str) -> None:
        self._span.update_name(name)


_provider: TracerProvider | None = None
_current: ContextVar[str] = ContextVar("traceparent", default="")
_NOTHING = nullcontext(Span())


def open_traces(room: str) -> None:
    """Turn on traces in this process, if the environment names an endpoint for spans. Call this after a fork.

    Raises:
        ConfigurationError: there is an endpoint, but OpenTelemetry is not installed.
    """
    global _provider
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{_ENDPOINTS[0]} is set: `pip install 'leanfarm[traces]'`") from error
    # If OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES is set, it replaces this name.
    named = os.environ.get("OTEL_SERVICE_NAME") or f"leanfarm-{room}"
    _provider = TracerProvider(resource=Resource.create({"service.name": named}))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def close_traces() -> None:
    """Send the spans that have been recorded but not yet sent."""
    if _provider:
        _provider.shutdown()


def traceparent() -> str:
    """Return the `traceparent` of the current span, with which another process can continue the trace; may be empty."""
    return _current.get()


def serve_span(name: str, caller: str) -> AbstractContextManager[Span]:
    """Return the span of a request. It continues the trace of the caller; if the caller has none, it begins a trace.

    Args:
        name: the span's name.
        caller: the caller's `traceparent`; empty if there is none.
    """
    return _recorded(_provider, name, caller, None, {}) if _provider else _NOTHING


def span(
    name: str, *, parent: str = "", started_ns: int | None = None, **attributes: _Values
) -> AbstractContextManager[Span]:
    """Return a span below a parent span. It records nothing if there is no parent span, or if traces are off.

    Args:
        name: the span's name.
        parent: the `traceparent` of the parent span; if empty, the parent is the current span.
        started_ns: when the span began, in ns since the epoch; None means now.
        attributes: the span's attributes; none may hold a proof's text.
    """
    if _provider is None or not (parent or _current.get()):
        return _NOTHING
    return _recorded(_provider, name, parent or _current.get(), started_ns, attributes)


@contextmanager
def _recorded(
    provider: TracerProvider, name: str, parent: str, started_ns: int | None, attributes: dict[str, _Values]
) -> Iterator[Span]:
    from opentelemetry.trace.propagation import set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator, carrier = TraceContextTextMapPropagator(), dict[str, str]()
    context = propagator.extract({"traceparent": parent})
    # Only the type of an exception is recorded, because the text of the exception may quote a proof.
    recorded = provider.get_tracer("leanfarm").start_span(
        name, context, start_time=started_ns, record_exception=False, set_status_on_exception=False
    )
    propagator.inject(carrier, set_span_in_context(recorded))
    token, own = _current.set(carrier.get("traceparent", "")), _Recorded(recorded)
    own.note(**attributes)
    try:
        yield own
    except BaseException as error:
        own.note(failure=type(error).__qualname__)
        raise
    finally:
        _current.reset(token)
        recorded.end()
