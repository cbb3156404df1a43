"""The connection breaks between a commit and its confirmation: each write is done once, and its reply is right.

A driver for SQLite loses the commits; tests/database/test_retries.py has the errors of a server's driver.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, Literal

import httpx
import pytest
import sqlalchemy as sa

from shared.cache.errors import WriteOutcomeUnknownError
from shared.cache.outbox import RecordedTags
from shared.catalog.tables import categories, products
from shared.database.retry_policy import Failure, RetryPolicy
from shared.database.tables import cache_invalidations
from shared.services import Services
from tests.database.scripted_driver import lost

pytestmark = pytest.mark.sqlite_only

type Fate = Literal["landed", "vanished"]

FATES: list[Fate] = ["landed", "vanished"]


class Network:
    """Loses the next commits. A `landed` commit is done and its confirmation lost; a `vanished` one isn't done."""

    def __init__(self) -> None:
        self.fates: list[Fate] = []

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        network = self

        class Connection(sqlite3.Connection):
            _changed = 0

            def commit(self) -> None:
                fate = network.fates.pop(0) if self.total_changes > self._changed and network.fates else None
                if fate != "vanished":
                    super().commit()
                self._changed = self.total_changes
                if fate:
                    raise sqlite3.OperationalError(*lost("SQLEndTran").args)

        return sqlite3.connect(*arguments, **options, factory=Connection)


@pytest.fixture
def network(services: Services) -> Network:
    found = Network()
    sa.event.listen(
        services.database.catalog.engine,
        "do_connect",
        lambda _dialect, _record, arguments, options: found.connect(*arguments, **options),
    )
    return found


@pytest.fixture
def rows(services: Services, api: httpx.Client) -> Iterator[Callable[[sa.Table], list[Any]]]:
    """The rows of a table, read on another connection than the app's."""
    engine = sa.create_engine(services.database.url)

    def rows(table: sa.Table) -> list[Any]:
        with engine.connect() as connection:
            return list(connection.execute(sa.select(table)))

    assert api.post("/api/categories", json={"id": 1, "name": "Toys"}).status_code == 201
    yield rows
    engine.dispose()


def toy(number: int = 1) -> dict[str, Any]:
    return {"asin": f"B{number:09}", "title": "A toy", "category_id": 1}


@pytest.mark.parametrize("fate", FATES)
def test_an_insert_is_done_once(
    fate: Fate, network: Network, api: httpx.Client, rows: Callable[[sa.Table], list[Any]]
) -> None:
    assert api.get("/api/products").json()["items"] == []
    network.fates = [fate]
    assert api.post("/api/products", json=toy()).status_code == 201
    assert [row.asin for row in rows(products)] == ["B000000001"]
    assert [row.product_count for row in rows(categories)] == [1]
    # The invalidation has reached Redis, and the outbox has recorded that.
    assert len(api.get("/api/products").json()["items"]) == 1
    assert all(row.applied_at for row in rows(cache_invalidations))


@pytest.mark.parametrize("fate", FATES)
def test_a_batch_is_done_once(
    fate: Fate, network: Network, api: httpx.Client, rows: Callable[[sa.Table], list[Any]]
) -> None:
    network.fates = [fate]
    reply = api.post("/api/products/batch", json={"items": [toy(n) for n in range(3)]})
    assert (reply.status_code, reply.json()) == (201, {"inserted": 3})
    assert len(rows(products)) == 3


@pytest.mark.parametrize("fate", FATES)
def test_a_retried_change_does_not_fail_its_own_if_match(fate: Fate, network: Network, api: httpx.Client) -> None:
    api.post("/api/categories", json={"id": 1, "name": "Toys"})
    api.post("/api/products", json=toy())
    path = "/api/products/B000000001"
    headers = {"If-Match": api.get(path).headers["ETag"]}
    network.fates = [fate]
    reply = api.patch(path, json={"price": 9.99}, headers=headers)
    assert (reply.status_code, reply.json()["price"]) == (200, 9.99)
    assert api.get(path).json() == reply.json()
    assert api.patch(path, json={"price": 1}, headers=headers).status_code == 412


@pytest.mark.parametrize("fate", FATES)
def test_a_delete_is_done_once(
    fate: Fate, network: Network, api: httpx.Client, rows: Callable[[sa.Table], list[Any]]
) -> None:
    api.post("/api/products", json=toy())
    network.fates = [fate]
    assert api.delete("/api/products/B000000001").status_code == 204
    assert (rows(products), [row.product_count for row in rows(categories)]) == ([], [0])


def test_an_insert_is_409_when_another_takes_its_asin_before_the_retry(
    network: Network, api: httpx.Client, rows: Callable[[sa.Table], list[Any]], services: Services
) -> None:
    store = services.database.catalog

    class WhileWaiting(RetryPolicy):
        """Inserts the same asin between the first try, which vanishes, and the second."""

        def wait_before_retry(self, failure: Failure, times: int) -> float | None:
            values = {"reviews": 0, "is_best_seller": False, "bought_in_last_month": 0}
            then = dt.datetime.now(dt.UTC)
            with sa.create_engine(services.database.url).begin() as connection:
                connection.execute(sa.insert(products), [toy() | values | {"created_at": then, "updated_at": then}])
            return super().wait_before_retry(failure, times)

    store._policy = WhileWaiting()
    network.fates = ["vanished"]
    reply = api.post("/api/products", json=toy() | {"title": "Mine"})
    assert reply.status_code == 409
    assert [row.title for row in rows(products)] == ["A toy"]


@pytest.mark.usefixtures("api")
def test_an_outbox_row_of_any_age_proves_the_commit(services: Services) -> None:
    outbox = services.outbox
    with services.database.catalog.engine.begin() as connection:
        long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
        recorded = dataclasses.replace(outbox.record(connection, {"catalog"}), at=long_ago)
        connection.execute(sa.update(cache_invalidations).values(created_at=long_ago))
        assert outbox.has_landed(connection, recorded)
        connection.execute(sa.delete(cache_invalidations))
        with pytest.raises(WriteOutcomeUnknownError):
            outbox.has_landed(connection, recorded)


def test_a_write_whose_outcome_stays_unknown_is_503_and_is_not_repeated(
    network: Network, api: httpx.Client, rows: Callable[[sa.Table], list[Any]], services: Services
) -> None:
    services.database.catalog._policy = RetryPolicy(away=0.001, away_limit=0.001, total=0.5)
    network.fates = ["landed"]
    landed = services.outbox.has_landed

    def never(connection: sa.Connection, recorded: RecordedTags) -> bool:
        landed(connection, recorded)
        raise sa.exc.OperationalError("SELECT", None, lost())

    services.outbox.has_landed = never  # type: ignore[method-assign]
    reply = api.post("/api/products", json=toy())
    assert (reply.status_code, "Retry-After" in reply.headers) == (503, True)
    assert reply.json()["detail"] == "It isn't known whether the change was saved; check before you try again."
    assert len(rows(products)) == 1
