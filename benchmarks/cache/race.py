"""Stale reads of the application and of two other caches, under concurrent inserts and reads over two processes.

Each writer inserts products into a list that only it changes, through one process, and reads the list through the
other process at once. Readers keep all lists warm in both processes. A read is stale if it begins after a write's
reply and shows the list from before that write.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.cache.contenders import NAMES, OURS, two_processes
from benchmarks.cache.servers import Server
from benchmarks.figure import Bound, Figure
from testkit.http_client import HttpClient

_WRITERS, _READERS = 4, 8
_INSERTS = 150  # of each writer
_CATEGORIES = range(91_001, 91_001 + _WRITERS)


@dataclass(slots=True)
class _Race:
    """`acknowledged` has the newest asin of each list whose insert was acknowledged."""

    servers: list[Server]
    acknowledged: dict[int, str] = field(default_factory=dict)
    active_writers: int = _WRITERS
    reads: int = 0
    stale: int = 0
    stale_after_insert: int = 0

    async def read(self, client: HttpClient, category_id: int) -> bool:
        """Reads a list, and returns whether it was stale."""
        known = self.acknowledged.get(category_id, "")
        items = (await client.expect(200, "GET", f"/api/products?category_id={category_id}&sort=-asin&limit=20"))[
            "items"
        ]
        self.reads += 1
        is_stale = (str(items[0]["asin"]) if items else "") < known
        self.stale += is_stale
        return is_stale

    async def write(self, category_id: int) -> None:
        here, there = self.servers if category_id % 2 else reversed(self.servers)
        with HttpClient(here.port) as writer, HttpClient(there.port) as reader:
            for number in range(_INSERTS):
                product = {"asin": f"R{category_id}{number:04}", "title": "Racer", "category_id": category_id}
                await writer.expect(201, "POST", "/api/products", product)
                self.acknowledged[category_id] = str(product["asin"])
                self.stale_after_insert += await self.read(reader, category_id)
        self.active_writers -= 1

    async def keep_reading(self, server: Server, seed: int) -> None:
        draw = random.Random(seed)
        with HttpClient(server.port) as client:
            while self.active_writers:
                await self.read(client, draw.choice(_CATEGORIES))

    async def run(self) -> None:
        readers = zip(itertools.cycle(self.servers), range(_READERS), strict=False)
        await asyncio.gather(
            *(self.write(category_id) for category_id in _CATEGORIES),
            *(self.keep_reading(server, seed) for server, seed in readers),
        )


def figures() -> Iterator[Figure]:
    """The stale reads of each contender."""
    for name in NAMES:
        with two_processes(name) as (servers, _):
            if name == OURS:
                asyncio.run(_insert_categories(servers[0]))
            race = _Race(servers)
            asyncio.run(race.run())
        if name == OURS:
            yield Figure("stale_reads", race.stale, "reads", Bound("=", 0))
        else:
            yield Figure(f"{name}_stale_reads", race.stale, "reads")
            share = race.stale_after_insert / (_WRITERS * _INSERTS)
            yield Figure(f"{name}_stale_reads_right_after_an_insert", 100 * share, "%")
        yield Figure(f"{name}_race_reads", race.reads, "reads")


async def _insert_categories(server: Server) -> None:
    with HttpClient(server.port) as client:
        for category_id in _CATEGORIES:
            await client.expect(201, "POST", "/api/categories", {"id": category_id, "name": f"Race {category_id}"})
