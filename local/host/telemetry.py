"""The host's telemetry: a request span for each invocation, as the .NET host sends with OpenTelemetry.

Names and attributes are the .NET host's (OpenTelemetryConfigurationExtensions.cs `EnrichHttpResponse`). The name is
the method and the route, `GET api/products`; for other triggers it is the function's name. All spans are sent
(azure-functions-host #11496). The worker gets the span's trace context, so its spans are children.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal

from local.host.functions import TimerTrigger
from local.host.worker import InvocationFailedError, Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

    from local.host.functions import BlobTrigger, Function, QueueTrigger
    from local.host.protos import ModelBindingData
    from local.host.worker import Datum, Worker

# https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/
type TriggerKind = Literal["datasource", "pubsub", "timer"]

_SERVER_ERROR = 500


class Telemetry:
    """Sends nothing: an invocation continues the request's trace."""

    @contextlib.contextmanager
    def request(self, _method: str, _route: str, incoming: Trace) -> Iterator[tuple[Trace, Callable[[int], None]]]:
        """A context for an HTTP request: returns the trace for the worker, and a function that takes the status."""
        yield incoming, lambda _status: None

    @contextlib.contextmanager
    def invocation(self, _name: str, _kind: TriggerKind) -> Iterator[Trace]:
        """A context for an invocation by another trigger: returns the trace for the worker."""
        yield Trace()

    def stop(self) -> None:
        """Sends the remaining spans."""


class ApplicationInsights(Telemetry):
    """Sends spans to Application Insights with Microsoft's exporter for Python."""

    def __init__(self, connection_string: str, route_prefix: str) -> None:
        """Starts to send in the background."""
        from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        # The global provider is the app's.
        self._provider: TracerProvider = TracerProvider(resource=Resource.create({"service.name": "functions-host"}))
        exporter = AzureMonitorTraceExporter(connection_string=connection_string, tracer_provider=self._provider)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("local.host")
        self._route_prefix = route_prefix

    @contextlib.contextmanager
    def request(self, method: str, route: str, incoming: Trace) -> Iterator[tuple[Trace, Callable[[int], None]]]:
        """A context with a request span; the status ends up in it."""
        template = "/".join(part for part in (self._route_prefix, route) if part)
        attributes = {"http.request.method": method, "http.route": template, "faas.trigger": "http"}
        with self._span(f"{method} {template}", incoming, attributes) as span:

            def set_status(status: int) -> None:
                span.set_attribute("http.response.status_code", status)
                if status >= _SERVER_ERROR:
                    _fail(span)

            yield _trace_of(span), set_status

    @contextlib.contextmanager
    def invocation(self, name: str, kind: TriggerKind) -> Iterator[Trace]:
        """A context with a request span, which begins a trace."""
        with self._span(name, Trace(), {"faas.trigger": kind}) as span:
            try:
                yield _trace_of(span)
            except InvocationFailedError:
                _fail(span)
                raise

    def stop(self) -> None:
        """Sends the remaining spans."""
        self._provider.shutdown()

    @contextlib.contextmanager
    def _span(self, name: str, parent: Trace, attributes: dict[str, str]) -> Iterator[Span]:
        """A span that is not current: as in Azure, the app sees only the trace context that it gets."""
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {"traceparent": parent.parent, "tracestate": parent.state}
        context = TraceContextTextMapPropagator().extract(carrier, Context())
        span = self._tracer.start_span(name, context, SpanKind.SERVER, attributes)
        try:
            yield span
        finally:
            span.end()


class TracedWorker:
    """The worker for all triggers but HTTP: each invocation begins a trace."""

    def __init__(self, worker: Worker, telemetry: Telemetry) -> None:
        """Invokes functions of this worker."""
        self._worker = worker
        self._telemetry = telemetry

    async def invoke(
        self, function: Function[QueueTrigger] | Function[TimerTrigger], data: Datum, metadata: Mapping[str, Datum]
    ) -> None:
        """Runs a function with its trigger's value.

        Raises:
            InvocationFailedError: see `Worker.invoke`.
        """
        kind: TriggerKind = "timer" if isinstance(function.trigger, TimerTrigger) else "pubsub"
        with self._telemetry.invocation(function.name, kind) as trace:
            await self._worker.invoke(function.function_id, function.name, (function.parameter, data), metadata, trace)

    async def invoke_with_reference(self, function: Function[BlobTrigger], reference: ModelBindingData) -> None:
        """Runs a function whose trigger's value the runtime creates from a reference.

        Raises:
            InvocationFailedError: see `Worker.invoke_with_reference`.
        """
        with self._telemetry.invocation(function.name, "datasource") as trace:
            await self._worker.invoke_with_reference(
                function.function_id, function.name, function.parameter, reference, trace
            )


def create_telemetry(connection_string: str | None, route_prefix: str) -> Telemetry:
    """The telemetry for APPLICATIONINSIGHTS_CONNECTION_STRING; without one nothing is sent."""
    return ApplicationInsights(connection_string, route_prefix) if connection_string else Telemetry()


def _fail(span: Span) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR))


def _trace_of(span: Span) -> Trace:
    context = span.get_span_context()
    return Trace(f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}")
