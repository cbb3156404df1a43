"""Imports 1.4 million rows, changes 1 % of them, and compares each field with an independent reading of the files.

Python's csv module and Decimal read each file into a table. SQL then finds the rows that only one of the tables has.
"""

from __future__ import annotations

import contextlib
import csv
import sqlite3
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

from local.dataset.generate import CATEGORIES_FILE, PRODUCTS_FILE, Change, write_catalog
from proofs.imports.scenario import administered_cloud, check, import_file, wait_until_nothing_is_left
from shared.database.sqlite import files
from testkit.local_cloud import LocalCloud

ROWS = 1_426_337
_SEED = 3
_COLUMNS = (
    "asin, title, image_url, product_url, stars, reviews, price, list_price, category_id, is_best_seller,"
    " bought_in_last_month"
)


def prove(folder: Path) -> Iterator[str]:
    """Imports a catalog, then its next version."""
    with administered_cloud(folder) as cloud:
        written = write_catalog(folder, ROWS, _SEED)
        import_file(cloud, "categories.csv", folder / CATEGORIES_FILE)
        record = import_file(cloud, "products.csv", folder / PRODUCTS_FILE)
        check(
            record["rows_inserted"] == record["rows_read"] == ROWS,
            f"Expected {ROWS:,} rows inserted, got {record}.",
        )
        compare(cloud, folder / PRODUCTS_FILE, folder / CATEGORIES_FILE)
        yield f"{written.rows:,} rows: each field as the file has it; {record['rows_per_second']:,.0f} rows/s"
        written = write_catalog(folder, ROWS, _SEED, Change(0.01, 1))
        record = import_file(cloud, "products.csv", folder / PRODUCTS_FILE)
        check(
            (record["rows_updated"], record["rows_unchanged"]) == (written.rows_changed, ROWS - written.rows_changed),
            f"Expected {written.rows_changed:,} rows updated, got {record}.",
        )
        compare(cloud, folder / PRODUCTS_FILE, folder / CATEGORIES_FILE)
        yield f"{written.rows_changed:,} of them changed: each field as the new file has it"
        wait_until_nothing_is_left(cloud)


def compare(cloud: LocalCloud, products: Path, categories: Path) -> None:
    """Raises BrokenPromiseError if the catalog differs from these files."""
    with contextlib.closing(sqlite3.connect(products.with_suffix(".db"), isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("DROP TABLE IF EXISTS expected")
        connection.execute(f"CREATE TABLE expected ({_COLUMNS.replace('asin', 'asin TEXT PRIMARY KEY')}) WITHOUT ROWID")
        connection.execute("BEGIN")
        marks = ", ".join("?" * len(_COLUMNS.split(",")))
        connection.executemany(f"INSERT OR REPLACE INTO expected VALUES ({marks})", _products_of(products))
        connection.execute("COMMIT")
        file = files.catalog_file(cloud.database_url)
        connection.execute("ATTACH ? AS catalog", [f"{file.as_uri()}?mode=ro"])
        _same(connection, f"SELECT {_COLUMNS} FROM expected", f"SELECT {_COLUMNS} FROM catalog.products")
        counted = "SELECT category_id, count(*) FROM expected GROUP BY category_id"
        _same(connection, counted, "SELECT category_id, product_count FROM catalog.categories WHERE product_count > 0")
        with categories.open(newline="", encoding="utf-8") as text:
            names = {(int(row["id"]), row["category_name"]) for row in csv.DictReader(text)}
        kept = set(connection.execute("SELECT category_id, name FROM catalog.categories"))
        check(kept == names, f"Expected the categories of the file, got these differences: {kept ^ names}.")


def _same(connection: sqlite3.Connection, expected: str, came: str) -> None:
    missing = connection.execute(f"{expected} EXCEPT {came} LIMIT 3").fetchall()
    surplus = connection.execute(f"{came} EXCEPT {expected} LIMIT 3").fetchall()
    check(not missing and not surplus, f"Only in the file: {missing}; only in the catalog: {surplus}")


def _products_of(file: Path) -> Iterable[tuple[object, ...]]:
    with file.open(newline="", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            yield (
                row["asin"],
                row["title"],
                row["imgUrl"] or None,
                row["productURL"] or None,
                _hundredths(row["stars"]),
                int(row["reviews"]),
                _hundredths(row["price"]),
                _hundredths(row["listPrice"]),
                int(row["category_id"]),
                {"True": 1, "False": 0}[row["isBestSeller"]],
                int(row["boughtInLastMonth"]),
            )


def _hundredths(text: str) -> int | None:
    """The exact value times 100; None for a missing value."""
    value = Decimal(text or "0").scaleb(2)
    if value != value.to_integral_value():
        raise ValueError(f"{text} has more than two decimals")
    return int(value) or None
