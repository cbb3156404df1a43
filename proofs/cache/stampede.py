"""A thousand requests at once for one page that isn't cached: each of two processes makes one query."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from proofs.cache import processes
from proofs.cache.outcome import Outcome, Read
from proofs.cache.processes import Valkey, running
from testkit.http_client import HttpClient, Reply, UnansweredError

_REQUESTS, _CANCELLED, _FAILING = 1_000, 100, 100
_PATIENT = {"CACHE_TIMEOUT": "5", "CACHE_WRITE_TIMEOUT": "5", "DATABASE_STATEMENT_SECONDS": "60", **processes.NO_DRAIN}
_WARM = "/api/products?category_id=1&min_price=1"


def stampede(folder: Path) -> Outcome:
    """Many requests, some of which are cancelled; then many requests whose query fails."""
    outcome = Outcome("stampede")
    valkey = Valkey(folder)
    environment = processes.environment(folder, valkey.url, **_PATIENT)
    with running([valkey]), running(processes.instances(2, folder, environment)) as instances:
        asyncio.run(_stampede([instance.port for instance in instances], outcome))
    return outcome


async def _stampede(ports: Sequence[int], outcome: Outcome) -> None:
    client = HttpClient(ports[0])
    await client.send("POST", "/api/categories", {"id": 1, "name": "Crowded"})
    for number in range(50):
        product = {"asin": f"CROWD{number:05}", "title": "Crowd", "category_id": 1, "price": 9}
        assert (await client.send("POST", "/api/products", product)).status == 201
    client.close()
    for port in ports:
        await _get(port, _WARM)
    await _cold_page(ports, outcome)
    await _failing_stampede(ports, outcome)


async def _cold_page(ports: Sequence[int], outcome: Outcome) -> None:
    page = "/api/products?category_id=1&min_price=2"
    before = [await _control(port, "hold") for port in ports]
    clients = [HttpClient(ports[number % 2]) for number in range(_REQUESTS)]
    sent = [asyncio.create_task(_timed(client, page, outcome, n % 2)) for n, client in enumerate(clients)]
    await _wait_until_all_are_queued(ports, _REQUESTS // 2)
    for client in clients[:_CANCELLED]:
        client.close()
    for port in ports:
        await _control(port, "release")
    replies = await asyncio.gather(*sent)
    answered = Counter(reply.status for reply in replies[_CANCELLED:] if reply)
    outcome.operations += _REQUESTS
    queries = [await _control(port, "count") - count for port, count in zip(ports, before, strict=True)]
    outcome.facts["queries"] = "+".join(map(str, queries))
    outcome.facts["cancelled"] = str(replies[:_CANCELLED].count(None))
    outcome.check(queries == [1, 1], f"{queries} queries, expected one a process")
    outcome.check(answered == {200: _REQUESTS - _CANCELLED}, f"replies: {dict(answered)}")
    outcome.check(replies[:_CANCELLED] == [None] * _CANCELLED, "some cancelled requests were answered")


async def _failing_stampede(ports: Sequence[int], outcome: Outcome) -> None:
    page = "/api/products?category_id=1&min_price=3"
    before = [await _control(port, "hold") for port in ports]
    clients = [HttpClient(ports[number % 2]) for number in range(_FAILING)]
    sent = [asyncio.create_task(client.send("GET", page)) for client in clients]
    await _wait_until_all_are_queued(ports, _FAILING // 2)
    for port in ports:
        await _control(port, "fail")
    replies = await asyncio.gather(*sent)
    outcome.operations += _FAILING
    queries = [await _control(port, "count") - count for port, count in zip(ports, before, strict=True)]
    statuses = Counter(reply.status for reply in replies)
    outcome.facts["failing_queries"] = "+".join(map(str, queries))
    outcome.check(queries == [1, 1], f"{queries} failing queries, expected one a process")
    outcome.check(statuses == {503: _FAILING}, f"replies of a failing query: {dict(statuses)}")
    outcome.check(all(map(_has_retry_after, replies)), "a 503 without Retry-After")
    again = await _get(ports[0], page)
    is_miss = (again.status, again.header(b"x-cache")) == (200, "MISS")
    outcome.check(is_miss, f"the first request after the failure: {again.status} {again.header(b'x-cache')}")


async def _wait_until_all_are_queued(ports: Sequence[int], requests: int) -> None:
    """Waits until that many requests of each instance wait for its query.

    The instance counts the requests that have arrived. They have read Redis once a later request has, since an instance
    sends its commands to Redis in order.
    """
    async with asyncio.timeout(60):
        for port in ports:
            while await _control(port, "requests") < requests:  # noqa: ASYNC110 - another process knows
                await asyncio.sleep(0.01)
            await _get(port, _WARM)


async def _timed(client: HttpClient, path: str, outcome: Outcome, instance: int) -> Reply | None:
    """The reply; None for a cancelled request."""
    try:
        reply = await client.send("GET", path)
    except UnansweredError:
        return None
    outcome.reads.append(Read(reply.sent_at, reply.seconds, reply.header(b"x-cache"), instance))
    client.close()
    return reply


async def _control(port: int, command: str) -> int:
    return int((await _get(port, f"/proof/sql/{command}")).body)


async def _get(port: int, path: str) -> Reply:
    with HttpClient(port) as client:
        return await client.send("GET", path)


def _has_retry_after(reply: Reply) -> bool:
    return reply.header(b"retry-after").isdigit()
