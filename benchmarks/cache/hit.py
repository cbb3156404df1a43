"""CPU of a cache hit, relative to a server without a framework that sends bytes from Redis, and to two other caches.

Each server is one uvicorn process (httptools, asyncio's loop) over the same Valkey and catalog. Only one server gets
requests at a time. This process is the load: 8 keep-alive connections with one request at a time on each, and 2,000
cached pages of some 10 KB. The n-th most popular page is drawn in proportion to 1/n. Rounds are interleaved, and the
figure is the median. The function's figure is the extra cost of function_app.py under the worker runtime and the
local host.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import redis

from benchmarks.cache import catalog, pages
from benchmarks.cache.load import Replies, send
from benchmarks.cache.rounds import measure
from benchmarks.cache.servers import (
    PEERS_PYTHON,
    Server,
    function_host,
    get,
    settings_of_instance,
    uvicorn,
    valkey,
)
from benchmarks.figure import Bound, Figure
from local.services import HOST

CONNECTIONS = 8
_REQUESTS, _ROUNDS = 2_000, 9
_WARM_ROUNDS = 2  # in the second round each page is a hit, and its URL is known


def figures() -> Iterator[Figure]:
    """The ratios, and the CPU of a hit of each server."""
    file = catalog.kept(catalog.SMALL)
    wanted = pages.paths(file)
    requests = pages.requests_for(wanted)
    with ExitStack() as stack:
        redis_port = stack.enter_context(valkey())
        environment = settings_of_instance(file, redis_port)
        hit = stack.enter_context(uvicorn("hit", "testkit.instance:create", environment))
        bare = stack.enter_context(uvicorn("bare_asgi", "benchmarks.cache.bare_asgi:create", environment))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        function = stack.enter_context(function_host("function", environment, folder))
        peers = [
            stack.enter_context(uvicorn(name, f"benchmarks.cache.peers.{name}_app:create", environment, PEERS_PYTHON))
            for name in ("cashews", "fastapi_cache2")
        ]
        with redis.Redis(HOST, redis_port) as client:
            client.mset({path: get(hit, path) for path in wanted})
        for server in (function, hit, *peers):
            for _ in range(_WARM_ROUNDS):
                send([server.port], requests, CONNECTIONS)
        queries = {peer.name: get(peer, "/queries") for peer in peers}

        def check(server: Server, replies: Replies) -> None:
            assert replies.statuses == {b"200": _REQUESTS}, f"{server.name}: {replies.statuses}"
            if server in (hit, function):
                assert replies.outcomes == {b"hit": _REQUESTS}, f"{server.name}: {replies.outcomes}"

        def drawn(number: int) -> list[bytes]:
            return [requests[page] for page in pages.zipf_like(_REQUESTS, number)]

        cpu = measure([bare, hit, function, *peers], drawn, CONNECTIONS, _ROUNDS, check)
        alone = measure([bare, hit], drawn, 1, _ROUNDS, check)
        assert queries == {peer.name: get(peer, "/queries") for peer in peers}, "a peer's reply was no hit"

    yield Figure("hit_cpu_vs_bare_asgi", cpu.ratio("hit", "bare_asgi"), "x", Bound("<=", 1.5))
    yield Figure("hit_cpu_vs_bare_asgi_one_connection", alone.ratio("hit", "bare_asgi"), "x", Bound("<=", 1.5))
    yield Figure("cashews_cpu_vs_hit", cpu.ratio("cashews", "hit"), "x", Bound(">=", 4))
    yield Figure("fastapi_cache2_cpu_vs_hit", cpu.ratio("fastapi_cache2", "hit"), "x", Bound(">=", 7))
    yield Figure(
        "function_hit_overhead_vs_bare_hit",
        cpu.difference("function", "hit", "bare_asgi"),
        "bare_hits",
        Bound("<=", 1.2),
    )
    for server in (bare, hit, function, *peers):
        yield Figure(f"{server.name}_hit_cpu", cpu.microseconds(server.name), "us")
