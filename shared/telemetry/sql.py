"""A span for each SQL statement, by SQLAlchemy's events.

opentelemetry-instrumentation-sqlalchemy 0.66b1 refuses SQLAlchemy 2.1, and also makes a span for each checkout of a
connection.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import sqlalchemy as sa
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, get_current_span
from sqlalchemy import event

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext, ExecutionContext

# Statements that only frame others.
_WITHOUT_SPAN = frozenset({"BEGIN", "SAVEPOINT", "RELEASE"})


def trace_sql(tracer: Tracer) -> None:
    """Makes spans for the statements of all engines, with the statement's text and never its parameters."""
    open_spans: weakref.WeakKeyDictionary[ExecutionContext, Span] = weakref.WeakKeyDictionary()

    def begin(conn: sa.Connection, statement: str, context: ExecutionContext | None, **_: object) -> None:
        if context is None or not get_current_span().is_recording():
            return
        operation = statement.split(maxsplit=1)[0].upper()
        if operation in _WITHOUT_SPAN:
            return
        # https://opentelemetry.io/docs/specs/semconv/registry/attributes/db/
        attributes = {
            "db.system.name": conn.dialect.name,
            "db.operation.name": operation,
            "db.query.text": statement,
        }
        open_spans[context] = tracer.start_span(operation, kind=SpanKind.CLIENT, attributes=attributes)

    def end(context: ExecutionContext | None, **_: object) -> None:
        span = open_spans.pop(context, None) if context else None
        if span:
            span.end()

    def fail(failure: ExceptionContext) -> None:
        context = failure.execution_context
        span = open_spans.pop(context, None) if context else None
        if span:
            # Only the class: the server's text may contain values.
            span.set_status(Status(StatusCode.ERROR, type(failure.original_exception).__name__))
            span.end()

    event.listen(sa.Engine, "before_cursor_execute", begin, named=True)
    event.listen(sa.Engine, "after_cursor_execute", end, named=True)
    event.listen(sa.Engine, "handle_error", fail)
