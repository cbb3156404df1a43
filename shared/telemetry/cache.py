"""The cache's metrics and spans."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import override

from shared.cache.telemetry import CacheTelemetry
from shared.telemetry import metrics, spans, work

# The name of the timer's function.
_DRAIN = "drain_invalidations"


class MeasuredCache(CacheTelemetry):
    """Counts what the cache does; makes spans where telemetry is on."""

    @override
    def redis_command(self, name: str) -> AbstractContextManager[object]:
        return spans.redis(name)

    @override
    def redis_command_ended(self, name: str, seconds: float) -> None:
        spans.redis_before(name, seconds)

    @override
    @contextlib.contextmanager
    def drain(self) -> Iterator[None]:
        with work.on(operation=_DRAIN), spans.span(_DRAIN):
            yield

    @override
    def stale_page_found(self) -> None:
        metrics.STALE_TOKENS.add()

    @override
    def query_joined(self) -> None:
        metrics.JOINED_FLIGHTS.add()

    @override
    def breaker_changed(self, severity: int) -> None:
        metrics.BREAKER_STATE.set(severity)

    @override
    def outbox_seen(self, length: int, oldest_seconds: float) -> None:
        metrics.OUTBOX_LENGTH.set(length)
        metrics.OUTBOX_AGE.set(oldest_seconds)
