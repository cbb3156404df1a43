"""The cache's metrics and spans, as shared/cache asks for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from shared.telemetry import metrics, spans, work

# The name of the timer's function.
_DRAIN = "drain_invalidations"


class CacheTelemetry:
    """Reports what the cache does, where telemetry is on. Implements `shared.cache.telemetry.CacheTelemetry`."""

    redis_command = staticmethod(spans.redis)
    redis_command_ended = staticmethod(spans.redis_before)
    stale_page_found = staticmethod(metrics.STALE_TOKENS.add)
    query_joined = staticmethod(metrics.JOINED_FLIGHTS.add)
    breaker_changed = staticmethod(metrics.BREAKER_STATE.set)

    @contextlib.contextmanager
    def drain(self) -> Iterator[None]:
        """A span of the drain; its log lines carry the operation."""
        with work.on(operation=_DRAIN), spans.span(_DRAIN):
            yield

    def outbox_seen(self, length: int, oldest_seconds: float) -> None:
        """Sets both metrics of the outbox."""
        metrics.OUTBOX_LENGTH.set(length)
        metrics.OUTBOX_AGE.set(oldest_seconds)
