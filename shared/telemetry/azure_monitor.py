"""OpenTelemetry's pipelines to Application Insights.

Built from the exporters of azure-monitor-opentelemetry, because its `configure_azure_monitor` takes no sampler. Loaded
only if APPLICATIONINSIGHTS_CONNECTION_STRING is set.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, override

from azure.monitor.opentelemetry.exporter import (
    AzureMonitorLogExporter,
    AzureMonitorMetricExporter,
    AzureMonitorTraceExporter,
)
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.metrics import CallbackOptions, Meter, Observation, set_meter_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from shared.telemetry import metrics, spans, work
from shared.telemetry.instrumentation import instrument
from shared.telemetry.logs import APPLICATION, WorkFilter
from shared.telemetry.middleware import TelemetryMiddleware
from shared.telemetry.sampler import WorkSampler

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from starlette.types import ASGIApp

_NAME = "product-catalog"


class WorkSpanProcessor(SpanProcessor):
    """Adds the attributes of the current work to every span."""

    @override
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        span.set_attributes(work.current.get())


class Telemetry:
    """Everything that this process sends; OpenTelemetry sends the rest when the process exits."""

    def __init__(self, connection_string: str, ratio: float) -> None:
        """`ratio` of the traces are sent, and all traces of imports, metrics and logs."""
        # Adds the site and its instance: https://pypi.org/project/opentelemetry-resource-detector-azure/
        os.environ.setdefault("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "azure_functions")
        # Else the exporter adds a metric with all resource attributes to each batch of spans.
        os.environ.setdefault("APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED", "true")
        resource = Resource.create({} if "OTEL_SERVICE_NAME" in os.environ else _site())
        self._ratio = ratio
        self._sampler = WorkSampler(ratio)
        # No exceptions as events of spans: the code that handles an exception logs it, once.
        self._traces = TracerProvider(self._sampler, resource, span_limits=SpanLimits(max_events=0))
        self._traces.add_span_processor(WorkSpanProcessor())
        self._traces.add_span_processor(
            BatchSpanProcessor(AzureMonitorTraceExporter(connection_string=connection_string))
        )
        trace.set_tracer_provider(self._traces)
        spans.use(self._traces.get_tracer(_NAME))
        reader = PeriodicExportingMetricReader(AzureMonitorMetricExporter(connection_string=connection_string))
        provider = MeterProvider(metric_readers=[reader], resource=resource)
        set_meter_provider(provider)
        _observe(provider.get_meter(_NAME))
        log_provider = LoggerProvider(resource=resource)
        exporter = AzureMonitorLogExporter(connection_string=connection_string)
        log_provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        set_logger_provider(log_provider)
        handler = LoggingHandler(logging.INFO, log_provider)
        handler.addFilter(WorkFilter())
        logging.getLogger(APPLICATION).addHandler(handler)
        instrument(self._traces)

    def instrumented(self, app: ASGIApp) -> ASGIApp:
        """The application with a span and a count for each request."""
        return TelemetryMiddleware(app, self._traces.get_tracer(_NAME), self._sampler, self._ratio)


def _site() -> dict[str, str]:
    return {"service.name": os.environ.get("WEBSITE_SITE_NAME", _NAME)}


def _observe(meter: Meter) -> None:
    for counter in metrics.COUNTERS:
        meter.create_observable_counter(counter.name, [_callback(counter.observed)], counter.unit, counter.description)
    for gauge in metrics.GAUGES:
        meter.create_observable_gauge(gauge.name, [_callback(gauge.observed)], gauge.unit, gauge.description)
    for histogram in metrics.HISTOGRAMS:
        histogram.recorder = meter.create_histogram(histogram.name, histogram.unit, histogram.description)


def _callback(observed: Callable[[], Iterable[metrics.Observed]]) -> Callable[[CallbackOptions], list[Observation]]:
    return lambda _: [Observation(amount, labels) for labels, amount in observed()]
