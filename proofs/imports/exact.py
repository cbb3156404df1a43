"""1.4 million rows, each field of each row compared with an independent reading of the file; then 1 % of them changed.

Python's csv module and Decimal read the file into a table of its own; SQL says what stands in one table alone.
"""

from __future__ import annotations

import contextlib
import csv
import sqlite3
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

from local.dataset.generate import CATEGORIES_FILE, PRODUCTS_FILE, Change, write_catalog
from proofs.imports.promise import hold
from proofs.imports.site import Site, site
from shared.database.sqlite import files

ROWS = 1_426_337
_SEED = 3
_COLUMNS = (
    "asin, title, image_url, product_url, stars, reviews, price, list_price, category_id, is_best_seller,"
    " bought_in_last_month"
)


def prove(folder: Path) -> Iterator[str]:
    """Imports a catalog, then its next version."""
    with site(folder) as cloud:
        written = write_catalog(folder, ROWS, _SEED)
        cloud.import_file("categories.csv", folder / CATEGORIES_FILE)
        record = cloud.import_file("products.csv", folder / PRODUCTS_FILE)
        hold(
            true=record["rows_inserted"] == record["rows_read"] == ROWS,
            otherwise=f"Expected {ROWS:,} rows inserted, got {record}.",
        )
        compare(cloud, folder / PRODUCTS_FILE, folder / CATEGORIES_FILE)
        yield f"{written.rows:,} rows: each field as the file has it; {record['rows_per_second']:,.0f} rows/s"
        written = write_catalog(folder, ROWS, _SEED, Change(0.01, 1))
        record = cloud.import_file("products.csv", folder / PRODUCTS_FILE)
        hold(
            true=(record["rows_updated"], record["rows_unchanged"])
            == (written.rows_changed, ROWS - written.rows_changed),
            otherwise=f"Expected {written.rows_changed:,} rows updated, got {record}.",
        )
        compare(cloud, folder / PRODUCTS_FILE, folder / CATEGORIES_FILE)
        yield f"{written.rows_changed:,} of them changed: each field as the new file has it"
        cloud.nothing_is_left()


def compare(cloud: Site, products: Path, categories: Path) -> None:
    """Raises BrokenPromiseError where the catalog isn't what these files say."""
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
        hold(true=kept == names, otherwise=f"Expected the categories of the file, got also or not {kept ^ names}.")


def _same(connection: sqlite3.Connection, expected: str, came: str) -> None:
    missing = connection.execute(f"{expected} EXCEPT {came} LIMIT 3").fetchall()
    surplus = connection.execute(f"{came} EXCEPT {expected} LIMIT 3").fetchall()
    hold(true=not missing and not surplus, otherwise=f"Of the file alone: {missing}; of the catalog alone: {surplus}")


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
    """Exact, or an error; none for what is missing."""
    value = Decimal(text or "0").scaleb(2)
    if value != value.to_integral_value():
        raise ValueError(f"{text} has more than two decimals")
    return int(value) or None
