"""SQL queries of 1,000 concurrent requests for one page that isn't cached, over two processes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cache import pages
from benchmarks.cache.contenders import NAMES, OURS, two_processes
from benchmarks.cache.load import send
from benchmarks.cache.servers import get
from benchmarks.figure import Bound, Figure

_REQUESTS = 1_000


def figures() -> Iterator[Figure]:
    """The queries of each contender."""
    for name in NAMES:
        queries = _queries_of_stampede(name)
        if name == OURS:
            yield Figure("stampede_sql_queries", queries, "queries", Bound("<=", 2))
        else:
            yield Figure(f"{name}_stampede_sql_queries", queries, "queries")


def _queries_of_stampede(name: str) -> int:
    with two_processes(name) as (servers, category_id):
        warm, cold = (f"/api/products?category_id={category_id}&min_price={price}" for price in (1, 2))
        for server in servers:
            get(server, warm)  # loads modules and opens connections, with another page
        before = sum(int(get(server, "/queries")) for server in servers)
        ports = [server.port for server in servers]
        replies = send(ports, pages.requests_for([cold]) * _REQUESTS, _REQUESTS // len(servers))
        assert replies.statuses == {b"200": _REQUESTS}, f"{name}: {replies.statuses}"
        return sum(int(get(server, "/queries")) for server in servers) - before
