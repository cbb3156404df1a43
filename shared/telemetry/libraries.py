"""The libraries whose calls become spans: SQL, HTTP to Firebase, Azure's SDKs.

FastAPI isn't among them: a hit doesn't enter it, and `requests.py` has the request's span already. Nor is redis-py:
its way to run a script is to be refused first, where the server doesn't know it (NOSCRIPT), and OpenTelemetry's
instrumentor posts that as an exception; whoever calls Redis says so himself (`spans.redis`).
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, override
from urllib.parse import urlsplit, urlunsplit

from azure.core.settings import settings as azure_settings
from azure.core.tracing.ext.opentelemetry_span import OpenTelemetrySpan
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor, RequestInfo
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import Span, Tracer, TracerProvider

from shared.telemetry.sql import trace_sql

if TYPE_CHECKING:
    import requests
    from opentelemetry.util.types import Attributes

# The names that a URL goes by in the old and the new semantic conventions.
_URLS = ("http.url", "url.full")
# What follows the container of the uploads.
_UPLOAD = re.compile(r"(?<=/imports)/.+")


def instrument(provider: TracerProvider) -> None:
    """Traces their calls from now on."""
    # Their own metrics would double those of metrics.py, with addresses among their labels.
    silent = NoOpMeterProvider()
    untold = _WithoutExceptions(provider)
    trace_sql(provider.get_tracer(__name__))
    HTTPXClientInstrumentor().instrument(
        tracer_provider=untold, meter_provider=silent, request_hook=_of_httpx, async_request_hook=_of_async_httpx
    )
    RequestsInstrumentor().instrument(tracer_provider=untold, meter_provider=silent, request_hook=_of_requests)
    azure_settings.tracing_implementation = _AzureSpan


class _WithoutExceptions(TracerProvider):
    """Tracers whose spans fail without posting the exception: whoever handles it says what it is worth, once."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    @override
    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes | None = None,
    ) -> Tracer:
        return _Untelling(
            self._provider.get_tracer(instrumenting_module_name, instrumenting_library_version, schema_url, attributes)
        )


class _Untelling(Tracer):
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @override
    def start_span(self, name: str, *args: Any, **more: Any) -> Span:  # handed on as they came
        return self._tracer.start_span(name, *args, **{**more, "record_exception": False})

    @override
    def start_as_current_span(  # type: ignore[override]  # the library's decorated type
        self, name: str, *args: Any, **more: Any
    ) -> AbstractContextManager[Span]:
        return self._tracer.start_as_current_span(name, *args, **{**more, "record_exception": False})


class _AzureSpan(OpenTelemetrySpan):
    """Of a call of Azure's SDKs."""

    @override
    def add_attribute(self, key: str, value: str | int) -> None:
        super().add_attribute(key, _without_names(str(value)) if key in _URLS else value)


def _without_names(url: str) -> str:
    """A query may hold a key (Firebase's) or a name, and an upload's name is its owner's words: they aren't told."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], _UPLOAD.sub("/{blob}", parts.path), "", ""))


def _tell_url(span: Span, url: str) -> None:
    if span.is_recording():
        span.set_attributes(dict.fromkeys(_URLS, _without_names(url)))


def _of_httpx(span: Span, request: RequestInfo) -> None:
    _tell_url(span, str(request.url))


async def _of_async_httpx(span: Span, request: RequestInfo) -> None:
    _of_httpx(span, request)


def _of_requests(span: Span, request: requests.PreparedRequest) -> None:
    _tell_url(span, request.url or "")
