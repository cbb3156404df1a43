"""Cached replies: an endpoint declares the view that it shows and how it is read; the rest happens here.

N concurrent misses of one view in one process make one query. A request joins only a query that began under the
generation that the request itself has read. A write that was replied to before has changed the generation, so no
request joins a query from before that write.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from shared.cache.keys import CacheKey, View
from shared.cache.page import Page
from shared.cache.reply import CACHE_SLOT, CacheSlot, headers_of, is_not_modified
from shared.cache.single_flight import SingleFlight
from shared.cache.store import CacheStore, Lookup
from shared.cache.telemetry import NO_TELEMETRY, CacheTelemetry

# A request that looked up before the page was stored, and gets on only now, shares the page: as good as a hit.
_LATE_JOIN_SECONDS = 0.25

type Read = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class _Fresh:
    """A page that was just read, and the seconds that its SQL took."""

    page: Page
    seconds: float


class CachedViews:
    """Answers views from Redis, or from `read` where Redis has no page that is certainly current."""

    def __init__(self, store: CacheStore, telemetry: CacheTelemetry = NO_TELEMETRY) -> None:
        self._store = store
        self._queries: SingleFlight[tuple[str, bytes], _Fresh] = SingleFlight(
            _LATE_JOIN_SECONDS, telemetry.query_joined
        )

    async def reply(self, request: Request, view: View, read: Read) -> Response:
        """The reply to a request for `view`. `read` returns the body (JSON) and is called on a miss only."""
        slot: CacheSlot = request.scope.get(CACHE_SLOT) or CacheSlot()
        key = self._store.key_of(view)
        if slot.lookup and slot.key == key:
            lookup, looked_up = slot.lookup, slot.seconds
        else:
            began = time.perf_counter()
            lookup = await self._store.look_up(key)
            looked_up = time.perf_counter() - began
        if lookup.page:
            slot.key = key
            return _response(request, lookup.page, "HIT", f"cache;dur={looked_up * 1000:.3f}")
        generation = lookup.generation
        if generation is None:
            return await self.bypass(request, read)
        fresh = await self._queries.run(
            (key.page, generation), lambda: self._read_and_store(key, lookup, read), lookup.asked_at
        )
        slot.key = key  # only now: a query that `read` refused has no view
        timing = f"cache;dur={looked_up * 1000:.3f}, db;dur={fresh.seconds * 1000:.3f}"
        return _response(request, fresh.page, "MISS", timing)

    async def bypass(self, request: Request, read: Read) -> Response:
        """The reply without the cache: nothing is looked up, shared or stored."""
        fresh = await _read(read)
        return _response(request, fresh.page, "BYPASS", f"db;dur={fresh.seconds * 1000:.3f}")

    async def _read_and_store(self, key: CacheKey, lookup: Lookup, read: Read) -> _Fresh:
        fresh = await _read(read)
        await self._store.store(key, lookup, fresh.page)
        return fresh


async def _read(read: Read) -> _Fresh:
    began = time.perf_counter()
    body = await read()
    return _Fresh(Page.of(body), time.perf_counter() - began)


def _response(request: Request, page: Page, outcome: str, timing: str) -> Response:
    not_modified = is_not_modified(request.headers.getlist("if-none-match"), page.etag)
    response = Response(status_code=304 if not_modified else 200, content=None if not_modified else page.body)
    response.raw_headers = headers_of(page, outcome.encode(), timing.encode(), not_modified=not_modified)
    return response
