"""ASGI middleware that makes the worker's span of a request, below the host's span, and counts the request.

FastAPI's instrumentor sees no cache hits, and OpenTelemetry's ASGI middleware costs twice as much as a hit. So this
makes a span through the SDK only if it is sampled. Any other span is only an id for log lines and spans below.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.middleware import TRACE_ID
from shared.http.routes import Route, route_of
from shared.telemetry.metrics import count_request
from shared.telemetry.sampler import SAMPLED_ROOT, WorkSampler
from shared.telemetry.work import CACHE, OPERATION, current

if TYPE_CHECKING:
    from opentelemetry.context import Context

_PROPAGATOR = TraceContextTextMapPropagator()
_FAILED = 500
_TRACE_HEADERS = frozenset({b"traceparent", b"tracestate"})


class TelemetryMiddleware:
    """The outermost middleware, if telemetry is on."""

    def __init__(self, app: ASGIApp, tracer: trace.Tracer, sampler: WorkSampler, ratio: float) -> None:
        """`ratio` of the traces that begin here are sampled; the sampler decides about the others."""
        self._app = app
        self._tracer = tracer
        self._sampler = sampler
        self._ratio = ratio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        route = route_of(scope["method"], scope["path"])
        work_token = current.set({OPERATION: route.operation})
        span = self._start_span(scope, route)
        scope[TRACE_ID] = b"%032x" % span.get_span_context().trace_id
        status, cache = _FAILED, ""

        async def send_and_note(message: Message) -> None:
            nonlocal status, cache
            if message["type"] == "http.response.start":
                status = message["status"]
                for name, value in message["headers"]:
                    if name == b"x-cache":
                        cache = value.decode().lower()
            await send(message)

        token = context.attach(trace.set_span_in_context(span))
        try:
            await self._app(scope, receive, send_and_note)
        finally:
            current.reset(work_token)
            context.detach(token)
            count_request(route.operation, status, cache, time.perf_counter() - start)
            if span.is_recording():
                _end_span(span, status, cache)

    def _start_span(self, scope: Scope, route: Route) -> Span:
        """The request's span; one without recording if its trace isn't sampled."""
        # The Functions worker makes the host's span current. Without a host, the headers may have the client's span.
        parent: Context | None = None
        parent_span = trace.get_current_span().get_span_context()
        if not parent_span.is_valid:
            parent = _from_headers(scope)
            parent_span = trace.get_current_span(parent).get_span_context() if parent else parent_span
        if parent_span.is_valid:
            if self._sampler.samples(parent_span.trace_id):
                return self._tracer.start_span(route.span_name, parent, attributes=route.attributes)
            trace_id = parent_span.trace_id
        elif random.random() < self._ratio:  # noqa: S311  # not a secret
            return self._tracer.start_span(route.span_name, SAMPLED_ROOT, attributes=route.attributes)
        else:
            trace_id = random.getrandbits(128)
        return NonRecordingSpan(SpanContext(trace_id, random.getrandbits(64), is_remote=False))


def _from_headers(scope: Scope) -> Context | None:
    """The client's trace, if any."""
    carrier = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _TRACE_HEADERS}
    return _PROPAGATOR.extract(carrier) if carrier else None


def _end_span(span: Span, status: int, cache: str) -> None:
    span.set_attribute("http.response.status_code", status)
    if cache:
        span.set_attribute(CACHE, cache)
    if status >= _FAILED:
        span.set_status(Status(StatusCode.ERROR))
    span.end()
