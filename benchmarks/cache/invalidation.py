"""The time from a write to the first fresh read, with 10 and with a million cached pages of the changed tag."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import redis

from benchmarks.cache import catalog
from benchmarks.cache.servers import Server, settings_of_instance, uvicorn, valkey
from benchmarks.figure import Bound, Figure
from local.services import HOST
from shared.cache.keys import Keys
from shared.cache.page import Page, encode
from shared.catalog import tags
from testkit.http_client import HttpClient

_FEW, _MANY = 10, 1_000_000
_PAGE_BYTES = 100
_ROUNDS = 200
_FILL = "for i = 1, ARGV[1] do redis.call('SET', KEYS[1] .. i, ARGV[2], 'EX', 3600) end"
_FILL_PART = 50_000


def figures() -> Iterator[Figure]:
    """The ratio, and both times."""
    with ExitStack() as stack:
        filled: dict[int, tuple[Server, int]] = {}
        for count in (_FEW, _MANY):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            redis_port = stack.enter_context(valkey())
            file = catalog.copied(catalog.SMALL, folder)
            (category_id,) = catalog.largest_categories(file, 1)
            environment = settings_of_instance(file, redis_port)
            server = stack.enter_context(uvicorn(f"invalidation_{count}", "testkit.instance:create_open", environment))
            filled[count] = (server, category_id)
            _fill(redis_port, category_id, count)
        seconds = asyncio.run(_measure(filled))
    yield Figure("invalidate_with_10_vs_1e6_pages", seconds[_MANY] / seconds[_FEW], "x", Bound("<=", 1.2))
    for count, value in seconds.items():
        yield Figure(f"invalidate_with_{count}_pages", value * 1e3, "ms")


def _fill(redis_port: int, category_id: int, count: int) -> None:
    """Stores pages of the category's current generation."""
    tag = tags.category(category_id)
    generation = b"0123456789abcdef"
    page = encode(Page.of(b"x" * _PAGE_BYTES), generation)
    with redis.Redis(HOST, redis_port, socket_timeout=60) as client:
        client.set(Keys("catalog").generation(tag), generation, ex=3600)
        for part in range(0, count, _FILL_PART):
            client.eval(_FILL, 1, f"catalog:p:{{{tag}}}:{part}:", min(_FILL_PART, count - part), page)
        found = client.dbsize()
        assert isinstance(found, int)
        assert found >= count


async def _measure(filled: dict[int, tuple[Server, int]]) -> dict[int, float]:
    seconds: dict[int, list[float]] = {count: [] for count in filled}
    with ExitStack() as stack:
        clients = {count: stack.enter_context(HttpClient(server.port)) for count, (server, _) in filled.items()}
        for number in range(_ROUNDS):
            # The order alternates.
            for count in sorted(filled, reverse=bool(number % 2)):
                _, category_id = filled[count]
                seconds[count].append(await _until_fresh(clients[count], category_id, number))
    return {count: statistics.median(values) for count, values in seconds.items()}


async def _until_fresh(client: HttpClient, category_id: int, reviews: int) -> float:
    path = f"/api/products?category_id={category_id}&limit=1"
    for _ in range(2):  # the second is a hit
        (shown,) = (await client.expect(200, "GET", path))["items"]
    began = time.perf_counter()
    await client.expect(200, "PATCH", f"/api/products/{shown['asin']}", {"reviews": reviews})
    while (await client.expect(200, "GET", path))["items"][0]["reviews"] != reviews:
        pass
    return time.perf_counter() - began
