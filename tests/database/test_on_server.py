"""What only a server can show: deadlocks, locks, limits, one state per read, a network that fails while writes run."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from shared.database.engine import Database
from shared.database.tables import categories, products
from shared.database.transient import Waits
from shared.errors import UnavailableError
from shared.services import Services
from shared.settings import Settings
from tests.database.network import Network
from tests.databases import is_sql_server, server_engine
from tests.serving import catalog_settings, served_catalog

pytestmark = pytest.mark.server

WRITERS = 4
INSERTS_EACH = 25
_DIGITS = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))"
# 10^12 rows.
ENDLESS = "SELECT COUNT_BIG(*) FROM " + " CROSS JOIN ".join(f"{_DIGITS} AS d{n} (d)" for n in range(12))


@pytest.fixture
def settings(tmp_path: Path, valkey: str) -> Settings:
    return catalog_settings(tmp_path, valkey, database_statement_seconds=2.0)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """With the categories 1 and 2."""
    found = Database(settings)
    with found.catalog.engine.begin() as connection:
        connection.execute(sa.insert(categories), [{"category_id": n, "name": f"Category {n}"} for n in (1, 2)])
    yield found
    found.close()


def raise_count(connection: sa.Connection, category_id: int) -> None:
    counted = sa.update(categories).where(categories.c.category_id == category_id)
    connection.execute(counted.values(product_count=categories.c.product_count + 1))


def counts(connection: sa.Connection) -> list[int]:
    return list(connection.execute(sa.select(categories.c.product_count).order_by(categories.c.category_id)).scalars())


def test_the_victim_of_a_deadlock_begins_anew(database: Database) -> None:
    both_hold_one = threading.Barrier(2)
    begun: list[int] = []

    def cross(first: int, second: int) -> Any:
        def work(connection: sa.Connection) -> None:
            begun.append(first)
            raise_count(connection, first)
            with contextlib.suppress(threading.BrokenBarrierError):
                both_hold_one.wait(10 if len(begun) <= 2 else 0.01)
            raise_count(connection, second)

        return database.catalog.write(work)

    async def both() -> None:
        await asyncio.gather(cross(1, 2), cross(2, 1))

    asyncio.run(both())
    assert len(begun) > 2, "there was no deadlock"
    assert asyncio.run(database.catalog.read(counts)) == [2, 2]


@pytest.mark.sql_server  # Babelfish has no number of its own for it
def test_a_write_that_waits_for_a_lock_beyond_the_limit_is_told_so_and_reads_never_wait(database: Database) -> None:
    async def ask() -> None:
        with pytest.raises(UnavailableError, match="Another write holds the catalogue"):
            await database.catalog.write(lambda connection: raise_count(connection, 1))
        assert await database.catalog.read(counts) == [0, 0]

    with server_engine(database.url).begin() as other:
        raise_count(other, 1)
        asyncio.run(ask())


def test_a_query_beyond_its_limit_is_ended_and_its_connection_serves_the_next(database: Database) -> None:
    def session(connection: sa.Connection) -> int:
        return int(connection.exec_driver_sql("SELECT @@SPID").scalar_one())

    async def ask() -> None:
        before = await database.catalog.read(session)
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="beyond its limit of 2 s") as refused:
            await database.catalog.read(lambda connection: connection.exec_driver_sql(ENDLESS).scalar_one())
        assert refused.value.headers["Retry-After"]
        assert time.monotonic() - started < 60, "it was not ended"
        after = await database.catalog.read(session)
        # Babelfish may take so long to end a statement that the driver gives the connection up.
        assert after == before or not is_sql_server()

    asyncio.run(ask())


def test_all_statements_of_a_read_see_one_state(database: Database) -> None:
    def read(connection: sa.Connection) -> tuple[list[int], list[int]]:
        before = counts(connection)
        with server_engine(database.url).begin() as other:
            raise_count(other, 1)
        return before, counts(connection)

    before, after = asyncio.run(database.catalog.read(read))
    assert before == after == [0, 0]
    assert asyncio.run(database.catalog.read(counts)) == [1, 0]


@pytest.fixture
def network(settings: Settings) -> Iterator[Network]:
    url = sa.make_url(settings.database_url.get_secret_value())
    found = Network((str(url.host), url.port or 1433))
    yield found
    found.close()


@pytest.fixture
def services(settings: Settings, network: Network) -> Services:
    """The application's parts; its database is behind the network."""
    url = sa.make_url(settings.database_url.get_secret_value()).set(host="127.0.0.1", port=network.port)
    changes = {"database_url": url.render_as_string(hide_password=False), "database_login_seconds": 20}
    found = Services(Settings.model_validate(settings.model_dump() | changes))
    found.database.catalog._waits = Waits(away=0.05, away_limit=0.5, total=120)
    return found


@pytest.fixture
def api(services: Services) -> Iterator[httpx.Client]:
    with served_catalog(services) as client:
        for category_id in (1, 2):
            assert client.post("/api/categories", json={"id": category_id, "name": "Toys"}).status_code == 201
        yield client


def asin_of(writer: int, number: int) -> str:
    return f"B{writer:04}{number:05}"


def seconds_to_sign_in(settings: Settings) -> float:
    started = time.monotonic()
    server_engine(sa.make_url(settings.database_url.get_secret_value())).connect().close()
    return time.monotonic() - started


@pytest.mark.timeout(600)
def test_writes_over_a_network_that_breaks_are_each_done_once(
    api: httpx.Client, network: Network, services: Services, settings: Settings
) -> None:
    done = threading.Event()
    resets = []
    # As often as lets some writes through, on a server as slow as this one.
    pace = seconds_to_sign_in(settings)

    def break_it() -> None:
        draw = random.Random(7)
        while not done.wait(draw.uniform(0.5, 5) * pace):
            network.delay_seconds = draw.choice((0, 0, 0.01))
            resets.append(network.reset())

    def insert(writer: int) -> list[tuple[str, int]]:
        replies = []
        with httpx.Client(base_url=api.base_url, timeout=300) as client:
            for number in range(INSERTS_EACH):
                asin = asin_of(writer, number)
                product = {"asin": asin, "title": "A toy", "category_id": 1 + number % 2}
                replies.append((asin, client.post("/api/products", json=product).status_code))
        return replies

    breaker = threading.Thread(target=break_it)
    breaker.start()
    try:
        with ThreadPoolExecutor(WRITERS) as pool:
            replies = [reply for writer in pool.map(insert, range(WRITERS)) for reply in writer]
    finally:
        done.set()
        breaker.join()
    network.delay_seconds = 0.0
    assert sum(resets) > WRITERS, "the network didn't break enough"
    statuses = Counter(status for _, status in replies)
    assert statuses.keys() <= {201, 503}, statuses
    assert statuses[201] > statuses[503], statuses
    with server_engine(sa.make_url(settings.database_url.get_secret_value())).connect() as connection:
        found = Counter(connection.execute(sa.select(products.c.asin)).scalars())
        counted = counts(connection)
    saved = {asin for asin, status in replies if status == 201}
    unknown = {asin for asin, status in replies if status == 503}
    assert saved - found.keys() == set(), "lost"
    assert set(found.values()) == {1}, "doubled"
    assert found.keys() - saved <= unknown
    assert sum(counted) == len(found)
    # What readers see is what is there.
    total = api.get("/api/products", params={"include_total": "true", "limit": 1}).json()["total"]
    assert total == len(found)
    asyncio.run(drained(services))


async def drained(services: Services) -> None:
    assert services.settings  # the outbox is looked at by another process of the app
    other = Services(services.settings)
    try:
        await other.invalidations.drain()
        assert (await other.invalidations.state()).length == 0
    finally:
        await other.close()


@pytest.mark.timeout(600)
def test_a_database_that_is_gone_is_503_and_comes_back_by_itself(
    api: httpx.Client, network: Network, services: Services
) -> None:
    services.database.catalog._waits = Waits(away=0.05, away_limit=0.1, total=1)
    product = {"asin": "B000000001", "title": "A toy", "category_id": 1}
    with network.down():
        for reply in (api.post("/api/products", json=product), api.get("/api/products/B000000009")):
            assert (reply.status_code, "Retry-After" in reply.headers) == (503, True)
        assert api.get("/api/health/ready").status_code == 503
    services.database.catalog._waits = Waits(away=0.05, away_limit=0.1, total=120)
    assert api.post("/api/products", json=product, timeout=150).status_code == 201
    assert api.get("/api/health/ready").json()["status"] == "ready"
