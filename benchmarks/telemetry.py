"""CPU that telemetry adds to a cache hit, relative to a server without a framework that sends bytes from Redis.

There are four uvicorn processes over the same Valkey and catalog: that server, the API without telemetry, the API with
5 % of the traces sampled, and the API with metrics alone (0 % sampled). The CPU of the exporter is included. It posts
every 5 s to an endpoint in this process. Load and rounds are those of `cache.hit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import redis

from benchmarks.cache import catalog, pages
from benchmarks.cache.load import Replies, send
from benchmarks.cache.rounds import measure
from benchmarks.cache.servers import Server, get, settings_of_instance, uvicorn, valkey
from benchmarks.figure import Bound, Figure
from local.services import HOST
from testkit.ingestion import ingestion
from testkit.waiting import wait_until

_CONNECTIONS = 8
_REQUESTS, _ROUNDS = 3_000, 9
_WARM_ROUNDS = 2
_SHARES = {"drawn": "0.05", "metrics": "0"}
# The tests use shorter intervals. The benchmark uses the defaults, as in Azure.
_TEST_INTERVALS = {"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"}


def figures() -> Iterator[Figure]:
    """Both ratios, and the CPU of a hit of each server."""
    file = catalog.kept(catalog.SMALL)
    wanted = pages.paths(file)
    requests = pages.requests_for(wanted)
    with ExitStack() as stack:
        endpoint = stack.enter_context(ingestion())
        sent = {name: value for name, value in endpoint.environment.items() if name not in _TEST_INTERVALS}
        environment = settings_of_instance(file, redis_port := stack.enter_context(valkey()))
        bare = stack.enter_context(uvicorn("bare_asgi", "benchmarks.cache.bare_asgi:create", environment))
        instance = "testkit.instance:create"
        off = stack.enter_context(uvicorn("off", instance, environment))
        on = [
            stack.enter_context(uvicorn(name, instance, environment | sent | {"TELEMETRY_SAMPLING_RATIO": share}))
            for name, share in _SHARES.items()
        ]
        with redis.Redis(HOST, redis_port) as client:
            client.mset({path: get(off, path) for path in wanted})
        for server in (off, *on):
            for _ in range(_WARM_ROUNDS):
                send([server.port], requests, _CONNECTIONS)

        def check(server: Server, replies: Replies) -> None:
            assert replies.statuses == {b"200": _REQUESTS}, f"{server.name}: {replies.statuses}"

        def drawn(number: int) -> list[bytes]:
            return [requests[page] for page in pages.zipf_like(_REQUESTS, number)]

        servers = [bare, off, *on]
        cpu = measure(servers, drawn, _CONNECTIONS, _ROUNDS, check)
        wait_until(lambda: endpoint.of("dependencies"), "telemetry is posted")

    yield Figure(
        "telemetry_cpu_vs_bare_hit", cpu.difference("drawn", "off", "bare_asgi"), "bare hits", Bound("<=", 0.4)
    )
    yield Figure(
        "telemetry_metrics_cpu_vs_bare_hit",
        cpu.difference("metrics", "off", "bare_asgi"),
        "bare hits",
        Bound("<=", 0.25),
    )
    for server in servers:
        yield Figure(f"telemetry_{server.name}_hit_cpu", cpu.microseconds(server.name), "us")
