"""Spans of the application's own work; where telemetry is off, a shared object that does nothing.

Libraries that the application uses (SQLAlchemy, httpx, Azure's SDKs, …) make theirs themselves.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.trace import Span as OpenSpan
    from opentelemetry.trace import Tracer


class Span(Protocol):
    """A piece of work that is under way."""

    def describe(self, name: str, value: str) -> None:
        """Adds an attribute."""

    def fail(self, sentence: str) -> None:
        """Shows it as failed."""


class _Silent:
    """Nobody listens."""

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def describe(self, name: str, value: str) -> None:
        """Nobody listens."""

    def fail(self, sentence: str) -> None:
        """Nobody listens."""


class _Sent:
    """A span of OpenTelemetry's."""

    __slots__ = ("_span",)

    def __init__(self, span: OpenSpan) -> None:
        self._span = span

    def describe(self, name: str, value: str) -> None:
        self._span.set_attribute(name, value)

    def fail(self, sentence: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_status(Status(StatusCode.ERROR, sentence))


_SILENT = _Silent()
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Makes spans with this tracer from now on; none with None."""
    global _tracer  # noqa: PLW0603  # one per process, as OpenTelemetry's own
    _tracer = tracer


def is_on() -> bool:
    """Whether spans are made."""
    return _tracer is not None


def span(name: str, attributes: Mapping[str, str] | None = None) -> AbstractContextManager[Span]:
    """A piece of this process' own work."""
    return _work(_tracer, name, attributes) if _tracer else _SILENT


def kept_span(name: str, attributes: Mapping[str, str] | None = None) -> AbstractContextManager[Span]:
    """As `span`, for work whose every trace is kept, with all in it."""
    return _kept(_tracer, name, attributes) if _tracer else _SILENT


def redis(operation: str) -> AbstractContextManager[Span]:
    """A call of Redis, which no library sees; `operation` is the command's name."""
    return _call(_tracer, operation) if _tracer else _SILENT


def redis_before(operation: str, seconds: float) -> None:
    """A call of Redis that has just ended, and took so long."""
    if not _tracer:
        return
    import time

    from opentelemetry.trace import SpanKind, get_current_span

    if get_current_span().is_recording():
        began = time.time_ns() - round(seconds * 1e9)
        _tracer.start_span(operation, kind=SpanKind.CLIENT, attributes=_redis(operation), start_time=began).end()


def fail_current(sentence: str) -> None:
    """Shows the work that is under way as failed."""
    if _tracer:
        from opentelemetry.trace import get_current_span

        _Sent(get_current_span()).fail(sentence)


@contextlib.contextmanager
def _work(tracer: Tracer, name: str, attributes: Mapping[str, str] | None) -> Iterator[Span]:
    # The exception is told by whoever logs it: once.
    with tracer.start_as_current_span(name, attributes=attributes, record_exception=False) as span:
        yield _Sent(span)


@contextlib.contextmanager
def _kept(tracer: Tracer, name: str, attributes: Mapping[str, str] | None) -> Iterator[Span]:
    from opentelemetry import context

    from shared.telemetry.sampler import keeping

    token = context.attach(keeping(context.get_current()))
    try:
        with _work(tracer, name, attributes) as span:
            yield span
    finally:
        context.detach(token)


@contextlib.contextmanager
def _call(tracer: Tracer, operation: str) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind

    with tracer.start_as_current_span(
        operation, kind=SpanKind.CLIENT, attributes=_redis(operation), record_exception=False
    ) as span:
        yield _Sent(span)


def _redis(operation: str) -> Mapping[str, str]:
    """https://opentelemetry.io/docs/specs/semconv/database/redis/."""
    return {"db.system.name": "redis", "db.operation.name": operation}
