"""ASGI middleware in front of the framework that answers hits: one dictionary look-up, one round trip to Redis.

It remembers the view of each URL (path and query) for which an endpoint declared one, after the framework had validated
the request. Any other URL goes through the framework. A URL that the framework refuses has no view, so it is never
remembered.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.cache.keys import CacheKey
from shared.cache.reply import CACHE_SLOT, CacheSlot, headers_of, is_not_modified

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.cache.page import Page
    from shared.cache.store import CacheStore

# Some 0.5 KiB each.
_MAX_URLS = 10_000


class CacheHitMiddleware:
    """Answers GET requests for remembered URLs from Redis; passes all others on."""

    def __init__(self, app: ASGIApp, store: Callable[[], CacheStore]) -> None:
        """`store` is called when a remembered URL is first requested: it loads redis."""
        self._app = app
        self._store = store
        self._keys: OrderedDict[tuple[str, bytes], CacheKey] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        url = (scope["path"], scope["query_string"])
        key = self._keys.get(url)
        slot = scope[CACHE_SLOT] = CacheSlot()
        if key:
            self._keys.move_to_end(url)
            began = time.perf_counter()
            slot.lookup = await self._store().look_up(key)
            slot.seconds = time.perf_counter() - began
            slot.key = key
            if slot.lookup.page:
                await _send_hit(scope, send, slot.lookup.page, slot.seconds)
                return
        await self._app(scope, receive, send)
        if slot.key and not key:
            self._remember(url, slot.key)

    def _remember(self, url: tuple[str, bytes], key: CacheKey) -> None:
        self._keys[url] = key
        if len(self._keys) > _MAX_URLS:
            self._keys.popitem(last=False)


async def _send_hit(scope: Scope, send: Send, page: Page, seconds: float) -> None:
    not_modified = is_not_modified((value for name, value in scope["headers"] if name == b"if-none-match"), page.etag)
    headers = headers_of(page, b"HIT", b"cache;dur=%.3f" % (seconds * 1000), not_modified=not_modified)
    await send({"type": "http.response.start", "status": 304 if not_modified else 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if not_modified else page.body})
