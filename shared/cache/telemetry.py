"""What the cache reports."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager


class CacheTelemetry:
    """Reports nothing. An application that measures its cache passes a subclass.

    A hit reports nothing here: its X-Cache header says all.
    """

    def redis_command(self, name: str) -> AbstractContextManager[object]:  # noqa: ARG002  # a subclass uses it
        """Surrounds a Redis command with a span."""
        return contextlib.nullcontext()

    def redis_command_ended(self, name: str, seconds: float) -> None:
        """A Redis command has just ended, and took this long."""

    def drain(self) -> AbstractContextManager[object]:
        """Surrounds one run of the outbox's drain with a span."""
        return contextlib.nullcontext()

    def stale_page_found(self) -> None:
        """Redis had a page of an older generation."""

    def query_joined(self) -> None:
        """A miss shares the query of another request."""

    def breaker_changed(self, severity: int) -> None:
        """The circuit breaker's state changed; 0: closed, 1: half open, 2: open."""

    def outbox_seen(self, length: int, oldest_seconds: float) -> None:
        """How many invalidations wait, and the age of the oldest."""


NO_TELEMETRY = CacheTelemetry()
