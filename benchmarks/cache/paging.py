"""CPU of page 1,000 relative to page 1, for every sort, in a catalog of full size and without the cache."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.cache import catalog, pages
from benchmarks.cache.load import send
from benchmarks.cache.servers import Server, settings_of_instance, uvicorn, valkey
from benchmarks.figure import Bound, Figure
from testkit.http_client import HttpClient

_SORTS = ("asin", "-asin", "price", "-price", "stars", "-stars", "reviews", "-reviews", "-bought_in_last_month")
_PAGE = 1_000
_ROUNDS, _TIMES = 9, 20


def figures() -> Iterator[Figure]:
    """The median over the sorts, and the ratio of each sort."""
    file = catalog.kept(catalog.WHOLE)
    with ExitStack() as stack:
        redis_port = stack.enter_context(valkey())
        # Without the cache each request queries SQL, as a miss does.
        environment = settings_of_instance(file, redis_port) | {"CACHE_ENABLED": "false"}
        server = stack.enter_context(uvicorn("paging", "testkit.instance:create", environment))
        ratios = {sort: _ratio(server, sort) for sort in _SORTS}
    yield Figure("page_1000_vs_page_1", statistics.median(ratios.values()), "x", Bound("<=", 1.2))
    for sort, ratio in ratios.items():
        yield Figure(f"page_1000_vs_page_1_by_{sort}", ratio, "x")


def _ratio(server: Server, sort: str) -> float:
    first = f"/api/products?sort={sort}"
    last = f"{first}&cursor={asyncio.run(_cursor_of_last(server, first))}"
    found = []
    for number in range(_ROUNDS):
        seconds = {}
        for path in (first, last) if number % 2 else (last, first):
            before = server.cpu_seconds()
            replies = send([server.port], pages.requests_for([path]) * _TIMES, 1)
            seconds[path] = server.cpu_seconds() - before
            assert replies.statuses == {b"200": _TIMES}, replies.statuses
        found.append(seconds[last] / seconds[first])
    return statistics.median(found)


async def _cursor_of_last(server: Server, first: str) -> str:
    """The cursor that leads to page 1,000."""
    with HttpClient(server.port) as client:
        page = await client.expect(200, "GET", first)
        for _ in range(_PAGE - 2):
            page = await client.expect(200, "GET", f"{first}&cursor={page['next_cursor']}")
    return str(page["next_cursor"])
