"""Instruments the libraries whose calls become spans: SQLAlchemy, httpx, requests, Azure's SDKs.

FastAPI isn't instrumented: a cache hit doesn't reach it, and middleware.py makes the request's span. redis-py isn't
either: it runs a script that the server doesn't know by a first call that fails (NOSCRIPT), which OpenTelemetry's
instrumentor sends as an exception. The callers of Redis make their spans themselves (`spans.redis`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, override
from urllib.parse import urlsplit, urlunsplit

from azure.core.settings import settings as azure_settings
from azure.core.tracing.ext.opentelemetry_span import OpenTelemetrySpan
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor, RequestInfo
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import Span, TracerProvider

from shared.telemetry.sql import trace_sql

if TYPE_CHECKING:
    import requests

# The URL's attribute in the old and the new semantic conventions.
_URL_ATTRIBUTES = ("http.url", "url.full")
# The blob's name after the container of the uploads.
_UPLOAD = re.compile(r"(?<=/imports)/.+")


def instrument(provider: TracerProvider) -> None:
    """Makes spans of their calls from now on."""
    # The libraries' own metrics would repeat those of metrics.py, with addresses as labels.
    no_metrics = NoOpMeterProvider()
    trace_sql(provider.get_tracer(__name__))
    HTTPXClientInstrumentor().instrument(
        tracer_provider=provider,
        meter_provider=no_metrics,
        request_hook=_set_httpx_url,
        async_request_hook=_set_async_httpx_url,
    )
    RequestsInstrumentor().instrument(
        tracer_provider=provider, meter_provider=no_metrics, request_hook=_set_requests_url
    )
    azure_settings.tracing_implementation = _AzureSpan


class _AzureSpan(OpenTelemetrySpan):
    """The span of a call of Azure's SDKs, without secrets and names in its URL."""

    @override
    def add_attribute(self, key: str, value: str | int) -> None:
        super().add_attribute(key, _without_names(str(value)) if key in _URL_ATTRIBUTES else value)


def _without_names(url: str) -> str:
    """The URL without user, query and blob name: a query may contain a key, and users choose the names of uploads."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], _UPLOAD.sub("/{blob}", parts.path), "", ""))


def _set_url(span: Span, url: str) -> None:
    if span.is_recording():
        span.set_attributes(dict.fromkeys(_URL_ATTRIBUTES, _without_names(url)))


def _set_httpx_url(span: Span, request: RequestInfo) -> None:
    _set_url(span, str(request.url))


async def _set_async_httpx_url(span: Span, request: RequestInfo) -> None:
    _set_url(span, str(request.url))


def _set_requests_url(span: Span, request: requests.PreparedRequest) -> None:
    _set_url(span, request.url or "")
