"""OpenTelemetry's pipelines to Application Insights, and the libraries whose calls are traced.

Put together from the exporters of azure-monitor-opentelemetry, whose own `configure_azure_monitor` takes no sampler.
Loaded only where APPLICATIONINSIGHTS_CONNECTION_STRING is set.
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
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from shared.telemetry import metrics, spans, work
from shared.telemetry.libraries import instrument
from shared.telemetry.logs import APPLICATION, DescribesWork
from shared.telemetry.requests import TelemetryMiddleware
from shared.telemetry.sampler import WorkSampler

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from starlette.types import ASGIApp

_NAME = "product-catalog"


class WorkOnSpans(SpanProcessor):
    """Puts onto every span what is being worked on."""

    @override
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        span.set_attributes(work.current.get())


class Telemetry:
    """All that is sent from this process; begins with it, and sends its rest when the process ends."""

    def __init__(self, connection_string: str, ratio: float) -> None:
        """`ratio` of the traces are sent, and every import's; metrics and logs all."""
        # In Azure the name of the site and its instance, https://pypi.org/project/opentelemetry-resource-detector-azure/
        os.environ.setdefault("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "azure_functions")
        # Else each batch of spans is sent with all of the resource's attributes as a metric.
        os.environ.setdefault("APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED", "true")
        resource = Resource.create({} if "OTEL_SERVICE_NAME" in os.environ else _site())
        self._ratio = ratio
        self._sampler = WorkSampler(ratio)
        self._traces = TracerProvider(sampler=self._sampler, resource=resource)
        self._traces.add_span_processor(WorkOnSpans())
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
        handler.addFilter(DescribesWork())
        logging.getLogger(APPLICATION).addHandler(handler)
        instrument(self._traces)

    def in_front_of(self, app: ASGIApp) -> ASGIApp:
        """The application with a span for each of its requests."""
        return TelemetryMiddleware(app, self._traces.get_tracer(_NAME), self._sampler, self._ratio)


def _site() -> dict[str, str]:
    return {"service.name": os.environ.get("WEBSITE_SITE_NAME", _NAME)}


def _observe(meter: Meter) -> None:
    for count in metrics.OBSERVED_COUNTS:
        meter.create_observable_counter(count.name, [_reading(count)], count.unit, count.description)
    for value in metrics.OBSERVED_VALUES:
        meter.create_observable_gauge(value.name, [_reading(value)], value.unit, value.description)
    for each in metrics.DISTRIBUTIONS:
        each.recorder = meter.create_histogram(each.name, each.unit, each.description)


def _reading(metric: metrics.Observable) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def read(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(amount, labels) for labels, amount in metric.observed()]

    return read
