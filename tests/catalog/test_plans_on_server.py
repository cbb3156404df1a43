"""SQL Server's plans of a page deep in 100,000 products: seeks, without a scan or a sort.

Babelfish has PostgreSQL's plans, so these tests need SQL Server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from shared.catalog import repository
from shared.catalog.paging import order_of
from shared.catalog.schemas import SORTS, ProductQuery
from shared.catalog.tables import products
from shared.database.database import Database
from shared.database.keyset import Position
from testkit.databases import server_engine
from testkit.serving import catalog_settings
from tests.catalog.showplan import Plan, read_plan

pytestmark = [pytest.mark.sql_server, pytest.mark.timeout(600)]

ROWS = 100_000
PAGE = 21
# Ten categories; prices to the cent with some nulls, stars and sales with many ties.
FILL = f"""
INSERT INTO categories (category_id, name, product_count)
SELECT n, CONCAT(N'Category ', n), {ROWS // 10}
FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)) AS c (n);
WITH digits AS (SELECT d FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS v (d)),
numbers AS (
    SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS n
    FROM digits AS a CROSS JOIN digits AS b CROSS JOIN digits AS c CROSS JOIN digits AS e CROSS JOIN digits AS f
)
INSERT INTO products
    (asin, title, price, stars, reviews, category_id, is_best_seller, bought_in_last_month, created_at, updated_at)
SELECT CONCAT('B', RIGHT(CONCAT('000000000', n), 9)), CONCAT(N'Toy ', n),
    CASE WHEN n % 50 = 0 THEN NULL ELSE CONVERT(DECIMAL(10, 2), n * 7919 % 30011) / 100 END,
    CASE WHEN n % 40 = 0 THEN NULL ELSE CONVERT(DECIMAL(3, 2), 3 + n % 20 / 10.0) END,
    n * 31 % 5003, 1 + n % 10, CASE WHEN n % 100 = 0 THEN 1 ELSE 0 END, n % 11 * 50, SYSUTCDATETIME(), SYSUTCDATETIME()
FROM numbers;
UPDATE STATISTICS products;
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, valkey: str) -> Iterator[Database]:
    found = Database(catalog_settings(tmp_path_factory.mktemp("plans"), valkey))
    with server_engine(found.url).begin() as connection:
        for statement in FILL.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    yield found
    found.close()


@pytest.mark.parametrize("category_id", [None, 4])
@pytest.mark.parametrize("sort", SORTS)
def test_a_page_deep_in_the_list_is_a_few_seeks(
    database: Database, sort: str, category_id: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server_engine(database.url).connect() as connection:
        after = deep(connection, sort, category_id)
        query = ProductQuery(sort=sort, category_id=category_id)
        with monkeypatch.context() as noting:
            told = noted(connection, noting)
            assert len(repository.read_products(connection, query, after, PAGE)) == PAGE
        assert told
        for each in told:
            # Twice a page, since SQL Server prefetches the next rows.
            assert plan_of(connection, each).faults(rows=2 * PAGE) == [], each.statement


@dataclass
class Told:
    """A statement as the driver got it, with the types of its parameters."""

    statement: str
    parameters: Any
    sizes: Any


def noted(connection: sa.Connection, monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    """A list that grows with each statement that is sent from now on."""
    told: list[Told] = []
    dialect: Any = connection.dialect
    execute = dialect.do_execute

    def note_sizes(cursor: Any, sizes: Any, context: Any) -> None:
        told.append(Told("", (), sizes))
        type(dialect).do_set_input_sizes(dialect, cursor, sizes, context)

    def note(cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        if not told or told[-1].statement:  # no sizes were set for it
            told.append(Told("", (), []))
        told[-1].statement, told[-1].parameters = statement, parameters
        execute(cursor, statement, parameters, context)

    monkeypatch.setattr(dialect, "do_set_input_sizes", note_sizes)
    monkeypatch.setattr(dialect, "do_execute", note)
    return told


def deep(connection: sa.Connection, sort: str, category_id: int | None) -> Position:
    """The position before row 20,000, or row 2,000 of a category; found with an offset."""
    order = order_of(sort)
    column, asin = order.column, products.c.asin
    rows = sa.select(column, asin).where(column.is_not(None))
    if category_id is not None:
        rows = rows.where(products.c.category_id == category_id)
    rows = rows.order_by(column.desc() if order.descending else column, asin)
    row = connection.execute(rows.offset(20_000 if category_id is None else 2_000).fetch(1)).one()
    return Position(None if order.by_key else row[0], row[1])


def plan_of(connection: sa.Connection, told: Told) -> Plan:
    """Runs a statement and returns its plan."""
    driver: Any = connection.connection.driver_connection
    cursor = driver.cursor()
    cursor.execute("SET STATISTICS XML ON")
    try:
        cursor.setinputsizes([size if isinstance(size, tuple) else (size, None, None) for _, size, _ in told.sizes])
        cursor.execute(told.statement, *told.parameters)
        texts = []
        while True:
            texts += [row[0] for row in cursor.fetchall() if "ShowPlanXML" in str(row[0])]
            if not cursor.nextset():
                break
        cursor.setinputsizes(None)
    finally:
        cursor.execute("SET STATISTICS XML OFF")
        cursor.close()
    (plan,) = texts
    return read_plan(plan)
