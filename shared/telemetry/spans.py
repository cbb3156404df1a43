"""Spans of the application's own work; without telemetry a shared context manager that does nothing.

The libraries that the application uses (SQLAlchemy, httpx, Azure's SDKs) are instrumented: instrumentation.py.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.trace import Tracer

_NO_SPAN = contextlib.nullcontext()
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Makes spans with this tracer from now on; with None it makes none."""
    global _tracer  # noqa: PLW0603  # one per process, like OpenTelemetry's own
    _tracer = tracer


def span(name: str) -> AbstractContextManager[object]:
    """A span of work in this process."""
    return _tracer.start_as_current_span(name) if _tracer else _NO_SPAN


@contextlib.contextmanager
def kept_span(name: str) -> Iterator[None]:
    """As `span`, for work whose whole trace is sent, whatever the sampling ratio."""
    if not _tracer:
        yield
        return
    from opentelemetry import context

    from shared.telemetry.sampler import keeping

    token = context.attach(keeping(context.get_current()))
    try:
        with span(name):
            yield
    finally:
        context.detach(token)


def redis(command: str) -> AbstractContextManager[object]:
    """A span of a Redis command; the Redis client isn't instrumented."""
    if not _tracer:
        return _NO_SPAN
    from opentelemetry.trace import SpanKind

    return _tracer.start_as_current_span(command, kind=SpanKind.CLIENT, attributes=_redis_attributes(command))


def redis_before(command: str, seconds: float) -> None:
    """A span of a Redis command that has just ended and took this long."""
    if not _tracer:
        return
    import time

    from opentelemetry.trace import SpanKind, get_current_span

    if get_current_span().is_recording():
        start = time.time_ns() - round(seconds * 1e9)
        attributes = _redis_attributes(command)
        _tracer.start_span(command, kind=SpanKind.CLIENT, attributes=attributes, start_time=start).end()


def fail_current(description: str) -> None:
    """Sets the status of the current span to failed."""
    if _tracer:
        from opentelemetry.trace import Status, StatusCode, get_current_span

        get_current_span().set_status(Status(StatusCode.ERROR, description))


def _redis_attributes(command: str) -> Mapping[str, str]:
    """https://opentelemetry.io/docs/specs/semconv/database/redis/."""
    return {"db.system.name": "redis", "db.operation.name": command}
