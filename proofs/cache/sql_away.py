"""SQL away: cached pages still answer, misses are 503 with Retry-After, nothing is stored, health_ready names it."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from proofs.cache import parts
from proofs.cache.client import Client, Reply
from proofs.cache.outcome import Outcome, Read
from shared.database.sqlite import files

_PAGES = ("/api/products/CACHED0001", "/api/products?category_id=1", "/api/categories")
_MISSES = ("/api/products/CACHED0002", "/api/products?category_id=1&limit=7", "/api/products?include_total=true")
_SETTINGS = {"DATABASE_STATEMENT_SECONDS": "1", "CACHE_TIMEOUT": "2", "CACHE_WRITE_TIMEOUT": "5", **parts.NO_DRAIN}
_PRODUCT = {"title": "Cached", "category_id": 1}


def sql_locked(folder: Path) -> Outcome:
    """Another process has the database's file to itself."""
    return asyncio.run(_Away(folder, "sql_locked").from_the_start())


def sql_disk_full(folder: Path) -> Outcome:
    """The disk takes no further byte: of an instance that has the database open, and of one that is to open it."""
    return asyncio.run(_Away(folder, "sql_disk_full").from_now_on())


class _Away:
    """A catalog whose pages are cached, and whose database goes away."""

    def __init__(self, folder: Path, name: str) -> None:
        self._outcome = Outcome(name)
        self._valkey = parts.Valkey(folder)
        environment = parts.settings(folder, self._valkey.url, **_SETTINGS)
        self._first, self._second = parts.instances(2, folder, environment)
        self._file = files.catalog_file(sa.make_url(environment["DATABASE_URL"]))

    async def from_the_start(self) -> Outcome:
        with parts.started([self._valkey]):
            with parts.started([self._first]):
                await self._warm(self._first.port)
            with self._locked(), parts.started([self._second]):
                await self._expect_away(self._second.port)
            with parts.started([self._second]):
                await self._expect_back(self._second.port)
        return self._outcome

    async def from_now_on(self) -> Outcome:
        with parts.started([self._valkey]), parts.started([self._first]):
            await self._warm(self._first.port)
            with _full(self._first):
                await self._expect_no_writes(self._first.port)
            self._first.end()
            with parts.started([self._second]):
                with _full(self._second):
                    await self._expect_away(self._second.port)
                await self._expect_back(self._second.port)
        return self._outcome

    async def _warm(self, port: int) -> None:
        with _client(port) as client:
            await client.ask("POST", "/api/categories", {"id": 1, "name": "Cached"})
            for number in (1, 2):
                product = {**_PRODUCT, "asin": f"CACHED{number:04}"}
                assert (await client.ask("POST", "/api/products", product)).status == 201
            for page in _PAGES * 2:
                assert (await client.ask("GET", page)).status == 200

    async def _expect_away(self, port: int) -> None:
        before = self._keys()
        with _client(port) as client:
            await self._expect_hits(client)
            for page in _MISSES:
                self._expect_503(await self._ask(client, page), page)
            write = {**_PRODUCT, "asin": "CACHED0003"}
            self._expect_503(await client.ask("POST", "/api/products", write), "a write")
            await self._expect_hits(client)
            ready = await client.ask("GET", "/api/health/ready")
            told = (ready.status, ready.json["status"], ready.json["parts"]["sql"])
            self._promise(told == (503, "unready", "down"), f"health_ready: {ready.body.decode()}")
        stored = self._keys() - before
        self._promise(not stored, f"stored: {stored}")

    async def _expect_no_writes(self, port: int) -> None:
        with _client(port) as client:
            await self._expect_hits(client)
            write = {**_PRODUCT, "asin": "CACHED0003"}
            self._expect_503(await client.ask("POST", "/api/products", write), "a write")
            await self._expect_hits(client)  # refused, it made nothing stale
            # Nothing has to be written for it.
            reply = await self._ask(client, "/api/products/CACHED0003")
            self._promise(reply.status == 404, f"a product whose insert was refused: {reply.status}")

    async def _expect_hits(self, client: Client) -> None:
        for page in _PAGES:
            reply = await self._ask(client, page)
            found = (reply.status, reply.header(b"x-cache"))
            self._promise(found == (200, "HIT"), f"{page}: {found}, expected what is cached")

    async def _expect_back(self, port: int) -> None:
        with _client(port) as client:
            for page in _MISSES:
                self._promise((await self._ask(client, page)).status == 200, f"{page} after its return")
            asin = {"asin": f"RETURN{port % 10_000:04}"}
            reply = await client.ask("POST", "/api/products", {**_PRODUCT, **asin})
            self._promise(reply.status == 201, f"a write after its return: {reply.status}")
            ready = await client.ask("GET", "/api/health/ready")
            self._promise(ready.status == 200, f"health_ready after its return: {ready.body.decode()}")

    def _expect_503(self, reply: Reply, what: str) -> None:
        self._promise(reply.status == 503, f"{what}: {reply.status} {reply.body[:100]!r}, expected 503")
        self._promise(reply.header(b"retry-after").isdigit(), f"{what}: no Retry-After")

    async def _ask(self, client: Client, page: str) -> Reply:
        reply = await client.ask("GET", page)
        self._outcome.operations += 1
        self._outcome.reads.append(Read(reply.began, reply.ended - reply.began, reply.header(b"x-cache"), 0))
        return reply

    def _promise(self, kept: bool, sentence: str) -> None:  # noqa: FBT001 - the promise itself
        self._outcome.promise(kept=kept, sentence=sentence)

    def _keys(self) -> set[Any]:
        return set(self._valkey.client.scan_iter("catalog:p:*"))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with contextlib.closing(sqlite3.connect(self._file, isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")


@contextlib.contextmanager
def _full(instance: parts.Part) -> Iterator[None]:
    """The instance's files take no further byte: what a full disk does to it, and to nobody else on this machine."""
    _, most = resource.prlimit(instance.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(instance.pid, resource.RLIMIT_FSIZE, (0, most))
    yield
    resource.prlimit(instance.pid, resource.RLIMIT_FSIZE, (most, most))


@contextlib.contextmanager
def _client(port: int) -> Iterator[Client]:
    client = Client(port)
    yield client
    client.close()
