"""Writers and readers at full speed, which compare what they read with the history of writes.

Each writer alone writes to its two categories, so its last acknowledged write is their state. The readers read all
categories, through every instance.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proofs.cache.outcome import Outcome, Read
from proofs.cache.write_history import History, Product, State, Write
from testkit.http_client import HttpClient, NotSentError, Reply, UnansweredError

_MIN_PRODUCTS, _MAX_PRODUCTS, _BATCH = 5, 16, 4  # of a writer; one page shows the products of all writers
WRITERS, READERS = 2, 4
_RETRY_SECONDS = 0.02  # after a request to an instance that doesn't run
IMPORTED = (91, 92)  # categories that imports write to


@dataclass(slots=True)
class Load:
    """The state that all writers and readers share."""

    ports: Sequence[int]
    history: History
    outcome: Outcome
    is_active: Callable[[], bool]
    pause: float = 0.0
    # While instances are killed, a request without a reply hasn't failed.
    instances_die: bool = False
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def run(self, *others: Coroutine[Any, Any, None]) -> None:
        """Writes and reads while the load is active. `others` run at the same time."""
        writers = [self._worker(self._write, category_ids(number)) for number in range(WRITERS)]
        readers = [self._worker(self._read, number) for number in range(READERS)]
        async with asyncio.TaskGroup() as group:
            for worker in (*writers, *readers, *others):
                group.create_task(worker)

    async def insert_categories(self) -> None:
        """Inserts the categories of all writers and imports."""
        client = HttpClient(self.ports[0])
        for category_id in (*itertools.chain(*map(category_ids, range(WRITERS))), *IMPORTED):
            reply = await client.send("POST", "/api/categories", {"id": category_id, "name": f"Race {category_id}"})
            assert reply.status == 201, reply.body
        client.close()

    async def write(
        self, client: HttpClient, method: str, path: str, body: object, states: Mapping[str, State]
    ) -> None:
        """Writes these states with one request."""
        write = self.history.begin(states)
        try:
            reply = await client.send(method, path, body)
        except UnansweredError as error:
            if isinstance(error, NotSentError):
                self.history.discard(write)
            await self._note_unanswered(error)
            return
        self.outcome.operations += 1
        if reply.status in {200, 201, 204}:
            self.history.acknowledge(write)
            return
        self.history.discard(write)
        self.outcome.failed.append(f"{method} {path}: {reply.status} {reply.body[:120]!r}")

    async def read(self, client: HttpClient, instance: int, path: str) -> Reply | None:
        """Reads a page and counts the read; None if it failed."""
        try:
            reply = await client.send("GET", path)
        except UnansweredError as error:
            await self._note_unanswered(error)
            return None
        self.outcome.operations += 1
        self.outcome.reads.append(Read(reply.sent_at, reply.seconds, reply.header(b"x-cache"), instance))
        if reply.status in {200, 404}:
            return reply
        self.outcome.failed.append(f"GET {path}: {reply.status} {reply.body[:120]!r}")
        return None

    async def check_all(self) -> None:
        """Reads every page through every instance, twice, so that the second read is from the cache."""
        for instance, port in enumerate(self.ports):
            client = HttpClient(port)
            for _ in range(2):
                for asin in list(self.history.writes):
                    await self.read_product(client, instance, asin)
                for category_id in (None, *itertools.chain(*map(category_ids, range(WRITERS))), *IMPORTED):
                    await self.read_page(client, instance, category_id)
                await self.read_counts(client, instance)
            client.close()

    async def read_product(self, client: HttpClient, instance: int, asin: str) -> None:
        """Reads a product's page and compares it."""
        reply = await self.read(client, instance, f"/api/products/{asin}")
        if reply:
            found = reply.json if reply.status == 200 else None
            shown = Product(found["category_id"], found["reviews"]) if found else None
            wrong = self.history.wrong_product(asin, shown, reply.sent_at, reply.received_at)
            self._note([wrong] if wrong else [], reply)

    async def read_page(self, client: HttpClient, instance: int, category_id: int | None) -> None:
        """Reads the list of a category, or of all products, and compares it."""
        only = f"&category_id={category_id}" if category_id else ""
        reply = await self.read(client, instance, f"/api/products?limit=100&include_total=true{only}")
        if reply:
            page = reply.json
            self._note(self.history.wrong_page(category_id, page, reply.sent_at, reply.received_at), reply)
            imported = {item["reviews"] for item in page["items"] if item["category_id"] in IMPORTED}
            if len(imported) > 1:
                self.outcome.broken.append(f"products of different imports on one page: {imported}")

    async def read_counts(self, client: HttpClient, instance: int) -> None:
        """Reads the categories and compares their counts."""
        reply = await self.read(client, instance, "/api/categories")
        if reply:
            self._note(self.history.wrong_counts(reply.json, reply.sent_at, reply.received_at), reply)

    def _note(self, wrong: Iterable[str], reply: Reply) -> None:
        self.outcome.stale += [f"{sentence} ({reply.header(b'x-cache')})" for sentence in wrong]

    async def _note_unanswered(self, error: UnansweredError) -> None:
        if not self.instances_die:
            self.outcome.failed.append(str(error))
        await asyncio.sleep(_RETRY_SECONDS)

    async def _worker[Own](
        self, act: Callable[[random.Random, list[HttpClient], Own], Coroutine[Any, Any, None]], own: Own
    ) -> None:
        draw = random.Random(str(own))
        clients = [HttpClient(port) for port in self.ports]
        while self.is_active():
            await act(draw, clients, own)
            if self.pause:
                await asyncio.sleep(self.pause)
        for client in clients:
            client.close()

    async def _read(self, draw: random.Random, clients: list[HttpClient], _own: int) -> None:
        instance = draw.randrange(len(clients))
        client = clients[instance]
        kind = draw.random()
        asins = list(self.history.writes)
        if kind < 0.55 and asins:
            await self.read_product(client, instance, draw.choice(asins[-40:]))
        elif kind < 0.75:
            await self.read_page(client, instance, draw.choice([*category_ids(0), *category_ids(1), *IMPORTED]))
        elif kind < 0.85:
            await self.read_page(client, instance, None)
        else:
            await self.read_counts(client, instance)

    async def _write(self, draw: random.Random, clients: list[HttpClient], own: tuple[int, int]) -> None:
        client = draw.choice(clients)
        known = [asin for asin in self._asins(own) if self.history.is_known(asin)]
        products = {asin: state for asin in known if (state := self.history.now(asin))}
        kind = draw.random()
        if len(products) < _MIN_PRODUCTS or (kind < 0.06 and len(products) + _BATCH <= _MAX_PRODUCTS):
            new = [self._new_asin(own) for _ in range(_BATCH)]
            states = {asin: Product(draw.choice(own), 0) for asin in new}
            items = [{"asin": a, "title": "Racer", "category_id": s.category_id} for a, s in states.items()]
            await self.write(client, "POST", "/api/products/batch", {"items": items}, states)
            return
        if kind < 0.12 and len(products) < _MAX_PRODUCTS:
            asin, state = self._new_asin(own), Product(draw.choice(own), 0)
            body = {"asin": asin, "title": "Racer", "category_id": state.category_id}
            await self.write(client, "POST", "/api/products", body, {asin: state})
            return
        asin = draw.choice(list(products))
        state = products[asin]
        if kind < 0.3:
            await self.write(client, "DELETE", f"/api/products/{asin}", None, {asin: None})
            self._forget_old(own)
            return
        after = Product(state.category_id if kind < 0.75 else sum(own) - state.category_id, state.reviews + 1)
        body = {"reviews": after.reviews, "category_id": after.category_id}
        await self.write(client, "PATCH", f"/api/products/{asin}", body, {asin: after})

    def _asins(self, own: tuple[int, int]) -> list[str]:
        return [asin for asin in self.history.writes if asin.startswith(f"R{own[0]:02}")]

    def _new_asin(self, own: tuple[int, int]) -> str:
        return f"R{own[0]:02}{next(self.numbers):07}"

    def _forget_old(self, own: tuple[int, int]) -> None:
        """Removes products that were deleted a while ago; else the history grows with the load."""
        long_ago = time.monotonic() - self.history.grace - 30
        for asin in self._asins(own):
            last: Write = self.history.writes[asin][-1]
            if last.states[asin] is None and last.acknowledged < long_ago:
                del self.history.writes[asin]


def category_ids(writer: int) -> tuple[int, int]:
    """The two categories of a writer."""
    return 2 * writer + 1, 2 * writer + 2


def countdown(operations: int, outcome: Outcome) -> Callable[[], bool]:
    """True until there were that many operations."""
    return lambda: outcome.operations < operations
