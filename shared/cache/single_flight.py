"""Single flight: concurrent calls with one key share one execution."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any


class SingleFlight[K: Hashable, T]:
    """Runs one call per key at a time; belongs to one event loop."""

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Task[T]] = {}

    async def join(self, key: K, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the call under way for this key; starts `call` where there is none.

        Its exception reaches all who joined. A caller that is cancelled leaves the call to the others.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(call())
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(flight)

    def forget(self, key: K) -> None:
        """Lets the next caller start a call of its own; those who have joined still get their result."""
        self._flights.pop(key, None)

    def _end(self, key: K, flight: asyncio.Task[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # else asyncio reports one that all callers have stopped waiting for
