"""SQL Server's own plans for a page deep in 100,000 products: seeks, without a scan or a sort."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from shared.catalog import repository
from shared.catalog.paging import Order, Position
from shared.catalog.schemas import ProductQuery
from shared.database.engine import Database
from shared.database.tables import products
from tests.databases import server_engine
from tests.serving import catalog_settings

pytestmark = [pytest.mark.sql_server, pytest.mark.timeout(600)]

ROWS = 100_000
SORTS = [sign + sort for sort in ("asin", "price", "stars", "reviews", "bought_in_last_month") for sign in ("", "-")]
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
def test_a_page_deep_in_the_list_is_a_few_seeks(database: Database, sort: str, category_id: int | None) -> None:
    told: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        told.append((statement, parameters))

    with server_engine(database.url).connect() as connection:
        after = deep(connection, sort, category_id)
        sa.event.listen(connection, "before_cursor_execute", note)
        query = ProductQuery(sort=sort, category_id=category_id)
        assert len(repository.read_products(connection, query, after, 21)) == 21
        sa.event.remove(connection, "before_cursor_execute", note)
        assert told
        for statement, parameters in told:
            operators = plan_of(connection, statement, parameters)
            assert any("Seek" in operator for operator in operators), (statement, operators)
            assert not [each for each in operators if "Scan" in each or "Sort" in each], (statement, operators)


def deep(connection: sa.Connection, sort: str, category_id: int | None) -> Position:
    """Where page 1,000 of 20 begins, or of a category page 100; found by counting, as no page does."""
    order = Order.of(sort)
    column, asin = order.column, products.c.asin
    rows = sa.select(column, asin).where(column.is_not(None))
    if category_id is not None:
        rows = rows.where(products.c.category_id == category_id)
    rows = rows.order_by(column.desc() if order.descending else column, asin)
    row = connection.execute(rows.offset(20_000 if category_id is None else 2_000).fetch(1)).one()
    return Position(None if order.by_asin else row[0], row[1])


def plan_of(connection: sa.Connection, statement: str, parameters: Any) -> set[str]:
    """The physical operators of a statement's plan, as it was run."""
    driver: Any = connection.connection.driver_connection
    cursor = driver.cursor()
    cursor.execute("SET STATISTICS XML ON")
    try:
        cursor.execute(statement, *parameters)
        texts = []
        while True:
            texts += [row[0] for row in cursor.fetchall() if "ShowPlanXML" in str(row[0])]
            if not cursor.nextset():
                break
    finally:
        cursor.execute("SET STATISTICS XML OFF")
        cursor.close()
    (plan,) = texts
    return set(re.findall(r'PhysicalOp="([^"]+)"', plan))
