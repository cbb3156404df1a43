"""The libraries whose calls become spans: SQL, Redis (throttling), HTTP to Firebase, Azure's SDKs.

FastAPI isn't among them: a hit doesn't enter it, and `requests.py` has the request's span already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from azure.core.settings import settings as azure_settings
from azure.core.tracing.ext.opentelemetry_span import OpenTelemetrySpan
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor, RequestInfo
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.metrics import NoOpMeterProvider

from shared.telemetry.sql import trace_sql

if TYPE_CHECKING:
    import requests
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

# The names that a URL goes by in the old and the new semantic conventions.
_URLS = ("http.url", "url.full")


def instrument(provider: TracerProvider) -> None:
    """Traces their calls from now on."""
    # Their own metrics would double those of metrics.py, with addresses among their labels.
    silent = NoOpMeterProvider()
    trace_sql(provider.get_tracer(__name__))
    RedisInstrumentor().instrument(tracer_provider=provider, meter_provider=silent)
    HTTPXClientInstrumentor().instrument(
        tracer_provider=provider, meter_provider=silent, request_hook=_of_httpx, async_request_hook=_of_async_httpx
    )
    RequestsInstrumentor().instrument(tracer_provider=provider, meter_provider=silent, request_hook=_of_requests)
    azure_settings.tracing_implementation = OpenTelemetrySpan


def _without_query(span: Span, url: str) -> None:
    """A query may hold a key (Firebase's) or a name: it isn't told."""
    parts = urlsplit(url)
    for name in _URLS:
        span.set_attribute(name, urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")))


def _of_httpx(span: Span, request: RequestInfo) -> None:
    if span.is_recording():
        _without_query(span, str(request.url))


async def _of_async_httpx(span: Span, request: RequestInfo) -> None:
    _of_httpx(span, request)


def _of_requests(span: Span, request: requests.PreparedRequest) -> None:
    if span.is_recording():
        _without_query(span, request.url or "")
