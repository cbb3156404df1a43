"""A function app that traces all its calls of the SDK and over HTTP, and records its spans."""

from __future__ import annotations

from collections.abc import Sequence

import azure.functions as func
from azure.core.settings import settings
from azure.core.tracing.ext.opentelemetry_span import OpenTelemetrySpan
from azurefunctions.extensions.bindings import blob
from opentelemetry import trace
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from tests.host.apps.recording import record


class Recorder(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            record(span=span.name)
        return SpanExportResult.SUCCESS


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(Recorder()))
trace.set_tracer_provider(provider)
settings.tracing_implementation = OpenTelemetrySpan
RequestsInstrumentor().instrument()
URLLib3Instrumentor().instrument()

app = func.FunctionApp()


@app.blob_trigger("upload", "drop/{name}", "DATA")
async def take(upload: blob.BlobClient) -> None:
    upload.get_blob_properties()
    record(done=upload.blob_name)
