"""Cached replies: endpoints declare the view that they show and how it is read; the rest happens here.

N concurrent misses of one view in one process make one query. A request joins only a query that was begun under the
generation that it read itself: a write that was replied to before changed the generation, so it can't join one that
began before the write.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from shared.cache.keys import View
from shared.cache.page import Page
from shared.cache.reply import CACHE_SLOT, CacheSlot, headers_of, is_not_modified
from shared.cache.store import CacheStore, Lookup
from shared.telemetry import metrics

_LATE_JOIN_SECONDS = 0.25

type Read = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A page just made, and the seconds that its SQL took."""

    page: Page
    seconds: float


@dataclass(slots=True)
class _Flight:
    """A query that others may join; `landed_at` is in the clock of `Lookup.asked_at`."""

    task: asyncio.Task[_Fresh]
    landed_at: float = math.inf


class CachedViews:
    """Answers views from Redis, or from `read` where Redis has no page that is certainly current."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self._flights: dict[tuple[str, bytes], _Flight] = {}

    async def reply(self, request: Request, view: View, read: Read) -> Response:
        """The reply to a request for `view`; `read` gives the body of a fresh one and is called on a miss only."""
        slot: CacheSlot = request.scope.get(CACHE_SLOT) or CacheSlot()
        if slot.lookup and slot.view == view:
            lookup, looked_up = slot.lookup, slot.seconds
        else:
            began = time.perf_counter()
            lookup = await self._store.look_up(view)
            looked_up = time.perf_counter() - began
        if lookup.page:
            slot.view = view
            return _response(request, lookup.page, "HIT", f"cache;dur={looked_up * 1000:.3f}")
        if lookup.generation is None:
            return await self.bypass(request, read)
        fresh = await self._join(view, lookup, read)
        slot.view = view  # only now: a query that `read` refused is no view
        timing = f"cache;dur={looked_up * 1000:.3f}, db;dur={fresh.seconds * 1000:.3f}"
        return _response(request, fresh.page, "MISS", timing)

    async def bypass(self, request: Request, read: Read) -> Response:
        """The reply without the cache: nothing is read from it, joined or stored."""
        fresh = await _make(read)
        return _response(request, fresh.page, "BYPASS", f"db;dur={fresh.seconds * 1000:.3f}")

    async def _join(self, view: View, lookup: Lookup, read: Read) -> _Fresh:
        key = (view.page_key, lookup.generation or b"")
        flight = self._flights.get(key)
        if flight is None or lookup.asked_at > flight.landed_at:
            flight = _Flight(asyncio.get_running_loop().create_task(self._fly(view, lookup, read)))
            self._flights[key] = flight
            flight.task.add_done_callback(lambda _task: self._landed(key, flight))
        else:
            metrics.JOINED_FLIGHTS.add()
        # Shielded: one who hangs up leaves the query to the others.
        return await asyncio.shield(flight.task)

    async def _fly(self, view: View, lookup: Lookup, read: Read) -> _Fresh:
        fresh = await _make(read)
        await self._store.store(view, lookup, fresh.page)
        return fresh

    def _landed(self, key: tuple[str, bytes], flight: _Flight) -> None:
        flight.landed_at = time.monotonic()
        # The exception is retrieved here, also where everybody who waited for it has hung up.
        if flight.task.cancelled() or flight.task.exception():
            self._forget(key, flight)
        else:
            # Who looked up before the page was stored and gets here only now joins it: as good as a hit.
            flight.task.get_loop().call_later(_LATE_JOIN_SECONDS, self._forget, key, flight)

    def _forget(self, key: tuple[str, bytes], flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


async def _make(read: Read) -> _Fresh:
    began = time.perf_counter()
    body = await read()
    return _Fresh(Page.of(body), time.perf_counter() - began)


def _response(request: Request, page: Page, outcome: str, timing: str) -> Response:
    not_modified = is_not_modified(request.headers.getlist("if-none-match"), page.etag)
    response = Response(status_code=304 if not_modified else 200, content=None if not_modified else page.body)
    response.raw_headers = headers_of(page, outcome.encode(), timing.encode(), not_modified=not_modified)
    return response
