"""A large file on a server: all rows are loaded, and of the changed file only the changes are written."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from shared.catalog.tables import categories
from shared.catalog.tables import products as products_table
from testkit import databases
from testkit.csv_files import products
from tests.imports.cloud import App, Cloud

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


def test_a_hundred_thousand_rows_are_imported_and_of_the_file_again_only_what_differs_is_written(
    app: App, cloud: Cloud
) -> None:
    count = 100_000 if databases.is_sql_server() else 2_000  # Babelfish merges a few hundred rows per second
    changed = count // 100

    def imported(content: bytes) -> tuple[str, int, int, int, int]:
        _blob, record = app.import_file(cloud, "lamps.csv", content)
        names = ("status", "rows_read", "rows_inserted", "rows_updated", "rows_unchanged")
        return tuple(record[name] for name in names)

    whole = products(count)
    assert imported(whole) == ("succeeded", count, count, 0, 0)
    assert imported(whole) == ("succeeded", count, 0, 0, count)
    dearer = products(changed, price="2.5") + products(count - changed, first=changed).split(b"\n", 1)[1]
    assert imported(dearer) == ("succeeded", count, 0, changed, count - changed)
    assert cloud.products() == count
    prices = sa.select(products_table.c.price, sa.func.count().label("products")).group_by(products_table.c.price)
    assert {str(row["price"]): row["products"] for row in cloud.rows.read(prices)} == {
        "1.50": count - changed,
        "2.50": changed,
    }
    (category,) = cloud.rows.read(sa.select(categories))
    assert category["product_count"] == count
    assert app.leftovers(cloud) == {}
