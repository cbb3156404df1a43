"""A circuit breaker: after repeated failures Redis is bypassed, and probed every second."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context

log = logging.getLogger(__name__)

_FAILURES_TO_OPEN = 3
_PROBE_SECONDS = 1.0


class State(enum.Enum):
    """How far Redis is trusted; the value is the metric's: higher is worse."""

    CLOSED = 0  # reads and writes use Redis
    HALF_OPEN = 1  # Redis answers again: writes invalidate, reads still bypass it
    OPEN = 2  # Redis is bypassed


class CircuitBreaker:
    """Counts failures in a row. While open, a task of its own probes, and applies the outbox before it closes."""

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        catch_up: Callable[[], Awaitable[None]],
        changed: Callable[[int], None],
    ) -> None:
        """`probe` raises while Redis is away; `catch_up` applies the outbox, and raises where it can't.

        `changed` gets each new state's severity (0: closed, 1: half open, 2: open).
        """
        self._changed = changed
        self._become(State.CLOSED)
        self._failures = 0
        self._last_failure: Exception | None = None
        self._probe = probe
        self._catch_up = catch_up
        self._probing: asyncio.Task[None] | None = None

    def succeeded(self) -> None:
        """Notes a successful exchange."""
        self._failures = 0

    def failed(self, error: Exception) -> None:
        """Notes a failed exchange; the third in a row opens the breaker.

        All requests of one exchange get the same error object, which counts once.
        """
        if error is self._last_failure:
            return
        self._last_failure = error
        self._failures += 1
        if self._failures >= _FAILURES_TO_OPEN:
            self.open(error)

    def open(self, error: Exception) -> None:
        """Bypasses Redis from now on, until a probe succeeds."""
        if self.state is State.OPEN:
            return
        log.warning("Redis is bypassed: %s", error)
        if self.state is State.CLOSED:
            # In a context of its own: its log lines belong to no request.
            self._probing = asyncio.get_running_loop().create_task(self._probe_until_closed(), context=Context())
        self._become(State.OPEN)

    async def close(self) -> None:
        """Ends the probing."""
        if self._probing:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)

    def _become(self, state: State) -> None:
        self.state = state
        self._changed(state.value)

    async def _probe_until_closed(self) -> None:
        while self.state is not State.CLOSED:
            await asyncio.sleep(_PROBE_SECONDS)
            try:
                await self._probe()
                # From here on writes invalidate again. What they skipped before is in the outbox by now.
                self._become(State.HALF_OPEN)
                await self._catch_up()
            except Exception as error:  # noqa: BLE001  # whatever failed, the breaker stays open and tries again
                self._become(State.OPEN)
                log.info("Redis is still bypassed: %s", error)
                continue
            # A write that failed meanwhile opened the breaker again: its tags came after the outbox was read.
            if self.state is State.HALF_OPEN:
                self._become(State.CLOSED)
                self._failures = 0
                log.warning("Redis is used again")
