"""A circuit breaker: after repeated failures Redis is left alone, and looked at again every second."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context

from shared.telemetry import metrics

log = logging.getLogger(__name__)

_FAILURES_TO_OPEN = 3
_PROBE_SECONDS = 1.0


class State(enum.Enum):
    """How far Redis is trusted."""

    CLOSED = "closed"  # trusted
    OPEN = "open"  # left alone
    CLOSING = "closing"  # answers again: told of invalidations, but not yet read from


# As the metric tells it: more is worse.
_SEVERITY = {State.CLOSED: 0, State.CLOSING: 1, State.OPEN: 2}


class Breaker:
    """Counts failures in a row; while open, a task of its own probes and, before closing, catches up."""

    def __init__(self, probe: Callable[[], Awaitable[None]], catch_up: Callable[[], Awaitable[None]]) -> None:
        """`probe` raises where Redis is still away; `catch_up` applies the outbox, and raises where it can't."""
        self._become(State.CLOSED)
        self._failures = 0
        self._last_failure: Exception | None = None
        self._probe = probe
        self._catch_up = catch_up
        self._probing: asyncio.Task[None] | None = None

    def succeeded(self) -> None:
        """Notes an exchange that went well."""
        self._failures = 0

    def failed(self, error: Exception) -> None:
        """Notes one that didn't; the third in a row opens the breaker.

        All requests of one exchange are told the same error, which counts once.
        """
        if error is self._last_failure:
            return
        self._last_failure = error
        self._failures += 1
        if self._failures >= _FAILURES_TO_OPEN:
            self.open(error)

    def open(self, error: Exception) -> None:
        """Leaves Redis alone from now on, until a probe succeeds."""
        if self.state is State.OPEN:
            return
        log.warning("Redis is left alone: %s", error)
        if self.state is State.CLOSED:
            # In a context of its own: what it logs is nobody's request.
            self._probing = asyncio.get_running_loop().create_task(self._probe_until_closed(), context=Context())
        self._become(State.OPEN)

    async def close(self) -> None:
        """Ends the probing."""
        if self._probing:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)

    def _become(self, state: State) -> None:
        self.state = state
        metrics.BREAKER_STATE.set(_SEVERITY[state])

    async def _probe_until_closed(self) -> None:
        while self.state is not State.CLOSED:
            await asyncio.sleep(_PROBE_SECONDS)
            try:
                await self._probe()
                # From here on writes tell Redis themselves: what they skipped before is in the outbox by now.
                self._become(State.CLOSING)
                await self._catch_up()
            except Exception as error:  # noqa: BLE001  # whatever it is, the breaker stays open and tries again
                self._become(State.OPEN)
                log.info("Redis is still left alone: %s", error)
                continue
            # A write that failed meanwhile opened it again: its tags came after the outbox was read.
            if self.state is State.CLOSING:
                self._become(State.CLOSED)
                self._failures = 0
                log.warning("Redis is trusted again")
