"""A thousand requests for one cold page, over two processes: one query in each, for all of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from proofs.cache import parts
from proofs.cache.client import Client, Reply, UnansweredError
from proofs.cache.outcome import Outcome, Read

_REQUESTS, _HANG_UP, _FAILING = 1_000, 100, 100
_PATIENT = {"CACHE_TIMEOUT": "5", "CACHE_WRITE_TIMEOUT": "5", "DATABASE_STATEMENT_SECONDS": "60", **parts.NO_DRAIN}
_WARM = "/api/products?category_id=1&min_price=1"


def stampede(folder: Path) -> Outcome:
    """The crowd, some of whom hang up; then a crowd whose query fails."""
    outcome = Outcome("stampede")
    valkey = parts.Valkey(folder)
    environment = parts.settings(folder, valkey.url, **_PATIENT)
    with parts.started([valkey]), parts.started(parts.instances(2, folder, environment)) as instances:
        asyncio.run(_stampede([instance.port for instance in instances], outcome))
    return outcome


async def _stampede(ports: Sequence[int], outcome: Outcome) -> None:
    client = Client(ports[0])
    await client.ask("POST", "/api/categories", {"id": 1, "name": "Crowded"})
    for number in range(50):
        product = {"asin": f"CROWD{number:05}", "title": "Crowd", "category_id": 1, "price": 9}
        assert (await client.ask("POST", "/api/products", product)).status == 201
    client.close()
    for port in ports:
        await _ask(port, _WARM)
    await _crowd(ports, outcome)
    await _failing_crowd(ports, outcome)


async def _crowd(ports: Sequence[int], outcome: Outcome) -> None:
    page = "/api/products?category_id=1&min_price=2"
    before = [await _order(port, "hold") for port in ports]
    clients = [Client(ports[number % 2]) for number in range(_REQUESTS)]
    asked = [asyncio.create_task(_timed(client, page, outcome, n % 2)) for n, client in enumerate(clients)]
    await _until_all_wait(ports, _REQUESTS // 2)
    for client in clients[:_HANG_UP]:
        client.close()
    for port in ports:
        await _order(port, "release")
    replies = await asyncio.gather(*asked)
    answered = Counter(reply.status for reply in replies[_HANG_UP:] if reply)
    outcome.operations += _REQUESTS
    queries = [await _order(port, "count") - count for port, count in zip(ports, before, strict=True)]
    outcome.facts["queries"] = "+".join(map(str, queries))
    outcome.facts["hung_up"] = str(replies[:_HANG_UP].count(None))
    outcome.promise(kept=queries == [1, 1], sentence=f"{queries} queries, expected one a process")
    outcome.promise(kept=answered == {200: _REQUESTS - _HANG_UP}, sentence=f"replies: {dict(answered)}")
    outcome.promise(kept=replies[:_HANG_UP] == [None] * _HANG_UP, sentence="some who hung up were answered")


async def _failing_crowd(ports: Sequence[int], outcome: Outcome) -> None:
    page = "/api/products?category_id=1&min_price=3"
    before = [await _order(port, "hold") for port in ports]
    clients = [Client(ports[number % 2]) for number in range(_FAILING)]
    asked = [asyncio.create_task(client.ask("GET", page)) for client in clients]
    await _until_all_wait(ports, _FAILING // 2)
    for port in ports:
        await _order(port, "fail")
    replies = await asyncio.gather(*asked)
    outcome.operations += _FAILING
    queries = [await _order(port, "count") - count for port, count in zip(ports, before, strict=True)]
    statuses = Counter(reply.status for reply in replies)
    outcome.facts["failing_queries"] = "+".join(map(str, queries))
    outcome.promise(kept=queries == [1, 1], sentence=f"{queries} failing queries, expected one a process")
    outcome.promise(kept=statuses == {503: _FAILING}, sentence=f"replies of a failing query: {dict(statuses)}")
    outcome.promise(kept=all(map(_says_when, replies)), sentence="a 503 without Retry-After")
    again = await _ask(ports[0], page)
    kept = (again.status, again.header(b"x-cache")) == (200, "MISS")
    outcome.promise(kept=kept, sentence=f"the next one after a failure: {again.status} {again.header(b'x-cache')}")


async def _until_all_wait(ports: Sequence[int], requests: int) -> None:
    """Until so many requests of each instance wait for its query.

    They have all come when the instance says so; and have looked into Redis when one that came after them has, since
    its questions go there in their order.
    """
    async with asyncio.timeout(60):
        for port in ports:
            while await _order(port, "requests") < requests:  # noqa: ASYNC110 - another process knows
                await asyncio.sleep(0.01)
            await _ask(port, _WARM)


async def _timed(client: Client, path: str, outcome: Outcome, instance: int) -> Reply | None:
    """The reply, or None for one who hung up."""
    try:
        reply = await client.ask("GET", path)
    except UnansweredError:
        return None
    outcome.reads.append(Read(reply.began, reply.ended - reply.began, reply.header(b"x-cache"), instance))
    client.close()
    return reply


async def _order(port: int, name: str) -> int:
    return int((await _ask(port, f"/proof/sql/{name}")).body)


async def _ask(port: int, path: str) -> Reply:
    client = Client(port)
    try:
        return await client.ask("GET", path)
    finally:
        client.close()


def _says_when(reply: Reply) -> bool:
    return reply.header(b"retry-after").isdigit()
