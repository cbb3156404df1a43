"""The span of a request in the worker, under the host's, and its count: an ASGI layer in front of all others.

FastAPI's instrumentor would see no hit, and the ASGI middleware of OpenTelemetry costs twice a hit: so a span that
isn't drawn is made here by hand (an id for the log and for what comes below), and one that is drawn through the SDK.
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
from shared.telemetry.sampler import DRAWN, WorkSampler
from shared.telemetry.work import CACHE, OPERATION, current

if TYPE_CHECKING:
    from opentelemetry.context import Context

_PROPAGATOR = TraceContextTextMapPropagator()
_FAILED = 500
_TRACE_HEADERS = frozenset({b"traceparent", b"tracestate"})


class TelemetryMiddleware:
    """See the module."""

    def __init__(self, app: ASGIApp, tracer: trace.Tracer, sampler: WorkSampler, ratio: float) -> None:
        """`ratio` of the traces that begin here are drawn; of others the sampler says."""
        self._app = app
        self._tracer = tracer
        self._sampler = sampler
        self._ratio = ratio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        route = route_of(scope["method"], scope["path"])
        work = current.set({OPERATION: route.operation})
        span = self._begin(scope, route)
        scope[TRACE_ID] = b"%032x" % span.get_span_context().trace_id
        status, cache = _FAILED, ""

        async def send_noting(message: Message) -> None:
            nonlocal status, cache
            if message["type"] == "http.response.start":
                status = message["status"]
                for name, value in message["headers"]:
                    if name == b"x-cache":
                        cache = value.decode().lower()
            await send(message)

        inside = context.attach(trace.set_span_in_context(span))
        try:
            await self._app(scope, receive, send_noting)
        finally:
            current.reset(work)
            context.detach(inside)
            count_request(route.operation, status, cache, time.perf_counter() - began)
            if span.is_recording():
                _end(span, status, cache)

    def _begin(self, scope: Scope, route: Route) -> Span:
        """The request's span; a light one where its trace isn't drawn."""
        # The worker has put the host's span there; without a host, the client's may stand in the headers.
        parent: Context | None = None
        above = trace.get_current_span().get_span_context()
        if not above.is_valid:
            parent = _from_headers(scope)
            above = trace.get_current_span(parent).get_span_context() if parent else above
        if above.is_valid:
            if self._sampler.draws(above.trace_id):
                return self._tracer.start_span(route.span_name, parent, attributes=route.attributes)
            trace_id = above.trace_id
        elif random.random() < self._ratio:  # noqa: S311  # guards nothing
            return self._tracer.start_span(route.span_name, DRAWN, attributes=route.attributes)
        else:
            trace_id = random.getrandbits(128)
        return NonRecordingSpan(SpanContext(trace_id, random.getrandbits(64), is_remote=False))


def _from_headers(scope: Scope) -> Context | None:
    """The client's trace, where it sent one."""
    carrier = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _TRACE_HEADERS}
    return _PROPAGATOR.extract(carrier) if carrier else None


def _end(span: Span, status: int, cache: str) -> None:
    span.set_attribute("http.response.status_code", status)
    if cache:
        span.set_attribute(CACHE, cache)
    if status >= _FAILED:
        span.set_status(Status(StatusCode.ERROR))
    span.end()
