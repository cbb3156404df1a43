"""The host's own part of telemetry: one request item for each invocation, as the .NET host sends with OpenTelemetry.

Names and attributes are that host's (OpenTelemetryConfigurationExtensions.cs `EnrichHttpResponse`): `GET api/products`
with the route as host.json and function.json have it; of other triggers the function's name. It samples nothing
(azure-functions-host #11496). What the worker does hangs below the item: it is given the item's trace.
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
    """No telemetry: invocations go on with the trace that came."""

    @contextlib.contextmanager
    def request(self, _method: str, _route: str, came: Trace) -> Iterator[tuple[Trace, Callable[[int], None]]]:
        """An HTTP request: the trace for the worker, and what is to be told its status."""
        yield came, lambda _status: None

    @contextlib.contextmanager
    def invocation(self, _name: str, _kind: TriggerKind) -> Iterator[Trace]:
        """An invocation by another trigger: the trace for the worker."""
        yield Trace()

    def stop(self) -> None:
        """Sends what is left."""


class ApplicationInsights(Telemetry):
    """Sends to Application Insights, or whatever takes its items, with Microsoft's exporter for Python."""

    def __init__(self, connection_string: str, route_prefix: str) -> None:
        """Begins to send in the background."""
        from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        # Not the process' provider: that is the app's.
        self._provider: TracerProvider = TracerProvider(resource=Resource.create({"service.name": "functions-host"}))
        exporter = AzureMonitorTraceExporter(connection_string=connection_string, tracer_provider=self._provider)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("local.host")
        self._route_prefix = route_prefix

    @contextlib.contextmanager
    def request(self, method: str, route: str, came: Trace) -> Iterator[tuple[Trace, Callable[[int], None]]]:
        """As above."""
        template = "/".join(part for part in (self._route_prefix, route) if part)
        attributes = {"http.request.method": method, "http.route": template, "faas.trigger": "http"}
        with self._span(f"{method} {template}", came, attributes) as span:

            def answered(status: int) -> None:
                span.set_attribute("http.response.status_code", status)
                if status >= _SERVER_ERROR:
                    _fail(span)

            yield _trace_of(span), answered

    @contextlib.contextmanager
    def invocation(self, name: str, kind: TriggerKind) -> Iterator[Trace]:
        """As above."""
        with self._span(name, Trace(), {"faas.trigger": kind}) as span:
            try:
                yield _trace_of(span)
            except InvocationFailedError:
                _fail(span)
                raise

    def stop(self) -> None:
        """Sends what is left."""
        self._provider.shutdown()

    @contextlib.contextmanager
    def _span(self, name: str, came: Trace, attributes: dict[str, str]) -> Iterator[Span]:
        """A span that isn't current here: in Azure the app sees no more of the host's than the trace it is given."""
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {"traceparent": came.parent, "tracestate": came.state}
        parent = TraceContextTextMapPropagator().extract(carrier, Context())
        span = self._tracer.start_span(name, parent, SpanKind.SERVER, attributes)
        try:
            yield span
        finally:
            span.end()


class TracedWorker:
    """The worker, as the triggers other than HTTP see it: each invocation begins a trace."""

    def __init__(self, worker: Worker, telemetry: Telemetry) -> None:
        """Runs functions of this worker."""
        self._worker = worker
        self._telemetry = telemetry

    async def invoke(
        self, function: Function[QueueTrigger] | Function[TimerTrigger], data: Datum, metadata: Mapping[str, Datum]
    ) -> None:
        """Runs a function with its trigger's value.

        Raises:
            InvocationFailedError: as the worker's.
        """
        kind: TriggerKind = "timer" if isinstance(function.trigger, TimerTrigger) else "pubsub"
        with self._telemetry.invocation(function.name, kind) as trace:
            await self._worker.invoke(function.function_id, function.name, (function.parameter, data), metadata, trace)

    async def invoke_with_reference(self, function: Function[BlobTrigger], reference: ModelBindingData) -> None:
        """Runs a function whose trigger's value is made from a reference.

        Raises:
            InvocationFailedError: as the worker's.
        """
        with self._telemetry.invocation(function.name, "datasource") as trace:
            await self._worker.invoke_with_reference(
                function.function_id, function.name, function.parameter, reference, trace
            )


def telemetry_of(connection_string: str | None, route_prefix: str) -> Telemetry:
    """What the host sends to, as APPLICATIONINSIGHTS_CONNECTION_STRING says."""
    return ApplicationInsights(connection_string, route_prefix) if connection_string else Telemetry()


def _fail(span: Span) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR))


def _trace_of(span: Span) -> Trace:
    context = span.get_span_context()
    return Trace(f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}")
