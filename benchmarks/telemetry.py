"""CPU that telemetry adds to a hit, over the CPU of ready bytes from the same Redis without a framework.

Four uvicorn processes over the same Valkey and catalog: ready bytes, the API without telemetry, with 5 % of the
traces drawn, and with metrics alone (0 % drawn). The exporter's own work, in the same process, is counted too: it
posts every 5 s to an endpoint in this process. Load and rounds as in `cache.hit`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import redis

from benchmarks.cache import catalog, pages
from benchmarks.cache.load import Replies, send
from benchmarks.cache.rounds import measure
from benchmarks.cache.servers import Server, get, settings_of_instance, uvicorn, valkey
from benchmarks.figure import Bound, Figure
from local.services import HOST
from tests.telemetry.ingestion import ingestion

_CONNECTIONS = 8
_REQUESTS, _ROUNDS = 3_000, 9
_WARMED_BY = 2
_SHARES = {"drawn": "0.05", "metrics": "0"}
# As it is in Azure: the tests' own are shorter.
_SENT_AS_IN_AZURE = {"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"}


def figures() -> Iterator[Figure]:
    """Both ratios, and the CPU of a hit of each server for the reader."""
    file = catalog.kept(catalog.SMALL)
    wanted = pages.paths(file)
    requests = pages.requests_for(wanted)
    with ExitStack() as stack:
        endpoint = stack.enter_context(ingestion())
        sent = {name: value for name, value in endpoint.environment.items() if name not in _SENT_AS_IN_AZURE}
        environment = settings_of_instance(file, redis_port := stack.enter_context(valkey()))
        bare = stack.enter_context(uvicorn("bare_asgi", "benchmarks.cache.bare_asgi:create", environment))
        instance = "benchmarks.cache.instance:create"
        off = stack.enter_context(uvicorn("off", instance, environment))
        on = [
            stack.enter_context(uvicorn(name, instance, environment | sent | {"TELEMETRY_SAMPLING_RATIO": share}))
            for name, share in _SHARES.items()
        ]
        with redis.Redis(HOST, redis_port) as client:
            client.mset({path: get(off, path) for path in wanted})
        for server in (off, *on):
            for _ in range(_WARMED_BY):
                send([server.port], requests, _CONNECTIONS)

        def check(server: Server, replies: Replies) -> None:
            assert replies.statuses == {b"200": _REQUESTS}, f"{server.name}: {replies.statuses}"

        def drawn(number: int) -> list[bytes]:
            return [requests[page] for page in pages.zipf_like(_REQUESTS, number)]

        servers = [bare, off, *on]
        cpu = measure(servers, drawn, _CONNECTIONS, _ROUNDS, check)
        deadline = time.monotonic() + 30
        while not endpoint.of("dependencies"):
            assert time.monotonic() < deadline, "nothing was posted"
            time.sleep(0.1)  # between two looks, until the deadline

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
