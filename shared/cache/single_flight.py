"""Single flight: concurrent calls for one key are made once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass


@dataclass(slots=True)
class _Flight[T]:
    task: asyncio.Task[T]
    # `time.monotonic`; infinite until the call has ended.
    ended_at: float = math.inf


class SingleFlight[K: Hashable, T]:
    """Shares one call among all who ask for the same key while it runs; belongs to one event loop.

    An exception goes to all of them, and the next one to ask calls again. One who is cancelled leaves the call running.
    """

    def __init__(self, keep_seconds: float = 0.0, on_join: Callable[[], object] = lambda: None) -> None:
        """A result is shared for `keep_seconds` more; `on_join` is called for each one who shares another's call."""
        self._keep_seconds = keep_seconds
        self._on_join = on_join
        self._flights: dict[K, _Flight[T]] = {}

    async def run(self, key: K, call: Callable[[], Awaitable[T]], asked_at: float = 0.0) -> T:
        """The result of the key's call: the one under way, a result that is kept, or that of `call`.

        With `asked_at` (`time.monotonic`) no result is shared that was there before that time.
        """
        flight = self._flights.get(key)
        if flight is None or asked_at > flight.ended_at:
            flight = _Flight(asyncio.get_running_loop().create_task(_awaited(call)))
            self._flights[key] = flight
            flight.task.add_done_callback(lambda _task: self._ended(key, flight))
        else:
            self._on_join()
        return await asyncio.shield(flight.task)

    def forget(self, key: K) -> None:
        """Shares the key's call or result with nobody who asks from now on."""
        self._flights.pop(key, None)

    def forget_all(self) -> None:
        """As `forget`, for every key."""
        self._flights.clear()

    def _ended(self, key: K, flight: _Flight[T]) -> None:
        flight.ended_at = time.monotonic()
        # `exception` marks it as retrieved, also where everybody who waited was cancelled.
        if flight.task.cancelled() or flight.task.exception() or not self._keep_seconds:
            self._forget_flight(key, flight)
        else:
            flight.task.get_loop().call_later(self._keep_seconds, self._forget_flight, key, flight)

    def _forget_flight(self, key: K, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


async def _awaited[T](call: Callable[[], Awaitable[T]]) -> T:
    return await call()
