"""CPU of a miss (lookup, SQL query, store), relative to the same query in plain FastAPI without a cache.

This process is the load, over 8 keep-alive connections. Each round reads each page once, with a known generation.
Rounds are interleaved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import redis

from benchmarks.cache import catalog, pages
from benchmarks.cache.load import Replies, send
from benchmarks.cache.rounds import measure
from benchmarks.cache.servers import Server, settings_of_instance, uvicorn, valkey
from benchmarks.figure import Bound, Figure
from local.services import HOST

_CONNECTIONS = 8
_ROUNDS, _PAGES_PER_ROUND = 9, 300


def figures() -> Iterator[Figure]:
    """The ratio, and the CPU of each server."""
    file = catalog.kept(catalog.SMALL)
    requests = pages.requests_for(pages.paths(file))
    with ExitStack() as stack:
        redis_port = stack.enter_context(valkey())
        environment = settings_of_instance(file, redis_port)
        miss = stack.enter_context(uvicorn("miss", "testkit.instance:create", environment))
        plain = stack.enter_context(uvicorn("plain_fastapi", "benchmarks.cache.plain_fastapi:create", environment))
        client = stack.enter_context(redis.Redis(HOST, redis_port))

        def without_pages(number: int) -> list[bytes]:
            # The generations stay, as when a page has expired.
            client.unlink("nothing", *client.scan_iter("catalog:p:*", count=1_000))
            return [requests[(number * _PAGES_PER_ROUND + page) % pages.COUNT] for page in range(_PAGES_PER_ROUND)]

        def check(server: Server, replies: Replies) -> None:
            assert replies.statuses == {b"200": _PAGES_PER_ROUND}, f"{server.name}: {replies.statuses}"
            if server is miss:
                assert replies.outcomes == {b"miss": _PAGES_PER_ROUND}, replies.outcomes

        for server in (miss, plain):
            send([server.port], requests, _CONNECTIONS)
        cpu = measure([miss, plain], without_pages, _CONNECTIONS, _ROUNDS, check)
    yield Figure("miss_cpu_vs_plain_fastapi", cpu.ratio("miss", "plain_fastapi"), "x", Bound("<=", 1.25))
    for server in (miss, plain):
        yield Figure(f"{server.name}_cpu", cpu.microseconds(server.name), "us")
