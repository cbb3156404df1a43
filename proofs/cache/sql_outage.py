"""SQL fails: cached pages are served, misses are 503 with Retry-After, nothing is stored, health_ready reports it."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from proofs.cache import processes
from proofs.cache.outcome import Outcome, Read
from proofs.cache.processes import Valkey, running
from shared.database.sqlite import files
from testkit.http_client import HttpClient, Reply
from testkit.processes import ServiceProcess

_PAGES = ("/api/products/CACHED0001", "/api/products?category_id=1", "/api/categories")
_MISSES = ("/api/products/CACHED0002", "/api/products?category_id=1&limit=7", "/api/products?include_total=true")
_SETTINGS = {"DATABASE_STATEMENT_SECONDS": "1", "CACHE_TIMEOUT": "2", "CACHE_WRITE_TIMEOUT": "5", **processes.NO_DRAIN}
_PRODUCT = {"title": "Cached", "category_id": 1}


def sql_locked(folder: Path) -> Outcome:
    """Another process locks the database's file."""
    return asyncio.run(_Outage(folder, "sql_locked").locked())


def sql_disk_full(folder: Path) -> Outcome:
    """The disk is full, for an instance with an open database and for one that opens it."""
    return asyncio.run(_Outage(folder, "sql_disk_full").disk_full())


class _Outage:
    """A catalog whose pages are cached, and whose database fails."""

    def __init__(self, folder: Path, name: str) -> None:
        self._outcome = Outcome(name)
        self._valkey = Valkey(folder)
        environment = processes.environment(folder, self._valkey.url, **_SETTINGS)
        self._first, self._second = processes.instances(2, folder, environment)
        self._file = files.catalog_file(sa.make_url(environment["DATABASE_URL"]))

    async def locked(self) -> Outcome:
        with running([self._valkey]):
            with running([self._first]):
                await self._warm(self._first.port)
            with self._locked(), running([self._second]):
                await self._expect_outage(self._second.port)
            with running([self._second]):
                await self._expect_recovery(self._second.port)
        return self._outcome

    async def disk_full(self) -> Outcome:
        with running([self._valkey]), running([self._first]):
            await self._warm(self._first.port)
            with _full(self._first):
                await self._expect_no_writes(self._first.port)
            self._first.end()
            with running([self._second]):
                with _full(self._second):
                    await self._expect_outage(self._second.port)
                await self._expect_recovery(self._second.port)
        return self._outcome

    async def _warm(self, port: int) -> None:
        with HttpClient(port) as client:
            await client.send("POST", "/api/categories", {"id": 1, "name": "Cached"})
            for number in (1, 2):
                product = {**_PRODUCT, "asin": f"CACHED{number:04}"}
                assert (await client.send("POST", "/api/products", product)).status == 201
            for page in _PAGES * 2:
                assert (await client.send("GET", page)).status == 200

    async def _expect_outage(self, port: int) -> None:
        before = self._keys()
        with HttpClient(port) as client:
            await self._expect_hits(client)
            for page in _MISSES:
                self._expect_503(await self._read(client, page), page)
            write = {**_PRODUCT, "asin": "CACHED0003"}
            self._expect_503(await client.send("POST", "/api/products", write), "a write")
            await self._expect_hits(client)
            ready = await client.send("GET", "/api/health/ready")
            report = (ready.status, ready.json["status"], ready.json["parts"]["sql"])
            self._outcome.check(report == (503, "unready", "down"), f"health_ready: {ready.body.decode()}")
        stored = self._keys() - before
        self._outcome.check(not stored, f"stored: {stored}")

    async def _expect_no_writes(self, port: int) -> None:
        with HttpClient(port) as client:
            await self._expect_hits(client)
            write = {**_PRODUCT, "asin": "CACHED0003"}
            self._expect_503(await client.send("POST", "/api/products", write), "a write")
            await self._expect_hits(client)  # the refused write made nothing stale
            reply = await self._read(client, "/api/products/CACHED0003")
            self._outcome.check(reply.status == 404, f"a product whose insert was refused: {reply.status}")

    async def _expect_hits(self, client: HttpClient) -> None:
        for page in _PAGES:
            reply = await self._read(client, page)
            found = (reply.status, reply.header(b"x-cache"))
            self._outcome.check(found == (200, "HIT"), f"{page}: {found}, expected the cached page")

    async def _expect_recovery(self, port: int) -> None:
        with HttpClient(port) as client:
            for page in _MISSES:
                self._outcome.check((await self._read(client, page)).status == 200, f"{page} after the recovery")
            asin = {"asin": f"RETURN{port % 10_000:04}"}
            reply = await client.send("POST", "/api/products", {**_PRODUCT, **asin})
            self._outcome.check(reply.status == 201, f"a write after the recovery: {reply.status}")
            ready = await client.send("GET", "/api/health/ready")
            self._outcome.check(ready.status == 200, f"health_ready after the recovery: {ready.body.decode()}")

    def _expect_503(self, reply: Reply, what: str) -> None:
        self._outcome.check(reply.status == 503, f"{what}: {reply.status} {reply.body[:100]!r}, expected 503")
        self._outcome.check(reply.header(b"retry-after").isdigit(), f"{what}: no Retry-After")

    async def _read(self, client: HttpClient, page: str) -> Reply:
        reply = await client.send("GET", page)
        self._outcome.operations += 1
        self._outcome.reads.append(Read(reply.sent_at, reply.seconds, reply.header(b"x-cache"), 0))
        return reply

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
def _full(instance: ServiceProcess) -> Iterator[None]:
    """The instance can't extend a file, as on a full disk. Other processes aren't affected."""
    _, most = resource.prlimit(instance.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(instance.pid, resource.RLIMIT_FSIZE, (0, most))
    yield
    resource.prlimit(instance.pid, resource.RLIMIT_FSIZE, (most, most))
