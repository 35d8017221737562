"""Traces of analyses, from upload to the final block, for OpenTelemetry.

A trace has the number of its analysis, so that the processes on its way hand nothing on. Spans go
where `OTEL_EXPORTER_OTLP_ENDPOINT` says (OTLP over HTTP, extra `traces`); without it nothing is
collected.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from oracle.errors import ConfigurationError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"  # OpenTelemetry's own name
_tracer = trace.get_tracer("oracle")
_root: ContextVar[UUID | None] = ContextVar("root", default=None)


def configure(process: str) -> None:
    """Send the spans of this process from now on, where an endpoint is set.

    Raises: ConfigurationError where the packages for it are missing.
    """
    if ENDPOINT not in os.environ:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    except ImportError as exc:
        raise ConfigurationError(
            f"{ENDPOINT} is set, but the packages for traces are missing: install"
            " 'creativity-oracle[traces]'."
        ) from exc

    class Numbers(RandomIdGenerator):
        """The first span of an analysis has its number, which all others know."""

        def generate_trace_id(self) -> int:
            root = _root.get()
            return super().generate_trace_id() if root is None else root.int

        def generate_span_id(self) -> int:
            root = _root.get()
            return super().generate_span_id() if root is None else _first_span(root)

    provider = TracerProvider(
        id_generator=Numbers(), resource=Resource.create({"service.name": f"oracle-{process}"})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


@contextmanager
def analysis(analysis_id: UUID, name: str) -> Iterator[None]:
    """Make what happens meanwhile part of an analysis' trace, as a span of this name."""
    with _tracer.start_as_current_span(name, context=_below(analysis_id)):
        yield


@contextmanager
def step(name: str, **facts: str) -> Iterator[None]:
    """Make a span below the one that is current; nothing where none is."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with _tracer.start_as_current_span(name, attributes=facts):
        yield


def begun(analysis_id: UUID, name: str, began_ns: int) -> None:
    """Record the first span of an analysis, which ends now.

    Args: began_ns: as of `time.time_ns`.
    """
    token = _root.set(analysis_id)
    try:
        span = _tracer.start_span(name, context=Context(), start_time=began_ns)
    finally:
        _root.reset(token)
    span.end()


def passed(analysis_id: UUID, name: str, began: datetime, **facts: str) -> None:
    """Record a span of an analysis that began earlier, elsewhere perhaps, and ends now."""
    span = _tracer.start_span(
        name, context=_below(analysis_id), start_time=int(began.timestamp() * 1e9), attributes=facts
    )
    span.end(time.time_ns())


def _first_span(analysis_id: UUID) -> int:
    return analysis_id.int & (2**64 - 1)


def _below(analysis_id: UUID) -> Context:
    first = SpanContext(analysis_id.int, _first_span(analysis_id), True, TraceFlags(1))
    return trace.set_span_in_context(NonRecordingSpan(first), Context())
