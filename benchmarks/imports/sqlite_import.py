"""The baseline: the sqlite3 shell's `.import`, the catalog's indexes and its text index, without any check.

The table has the file's columns, with numeric types. The file is read from the disk, not from a blob store.
"""

from __future__ import annotations

import csv
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from benchmarks.imports.cost import Cost
from local import PROJECT
from local.processes import end_with_parent

_TABLE = """
CREATE TABLE products (
    asin TEXT, title TEXT, image_url TEXT, product_url TEXT, stars REAL, reviews INTEGER, price REAL, list_price REAL,
    category_id INTEGER, is_best_seller TEXT, bought_in_last_month INTEGER
)
"""
_COLUMNS = 11
# As in the catalog.
_PRAGMAS = ("page_size = 8192", "journal_mode = WAL", "synchronous = NORMAL")
_WORDS = "INSERT INTO products_title_words (rowid, title) SELECT rowid, title FROM products"
_END = "PRAGMA wal_checkpoint(TRUNCATE)"


def shell() -> str | None:
    """The path of the sqlite3 shell; None if it isn't installed."""
    return shutil.which("sqlite3")


def run(products: Path, catalog: Path, folder: Path) -> Cost:
    """Loads the file into a new database in the folder, with the indexes of the catalog.

    Without the sqlite3 shell it uses Python's csv and executemany.
    """
    file = folder / "baseline.db"
    for left in folder.glob(f"{file.name}*"):
        left.unlink()
    program = shell()
    before, began = _children_cpu(), time.monotonic()
    if program is None:
        command = [sys.executable, "-m", "benchmarks.imports.sqlite_import", str(products), str(catalog), str(file)]
        script = ""
    else:
        command = [program, "-bail", str(file)]
        load = f'.import --csv --skip 1 "{products}" products'
        parts = (*_before(), load, *(f"{sql};" for sql in (*_indexes(catalog), _WORDS, _END)))
        script = "\n".join(parts)
    subprocess.run(
        command,
        input=script,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=PROJECT,
        preexec_fn=end_with_parent(),  # it calls nothing that another thread could have locked
    )
    return Cost(time.monotonic() - began, _children_cpu() - before)


def _before() -> tuple[str, ...]:
    return (*(f"PRAGMA {pragma};" for pragma in _PRAGMAS), f"{_TABLE};")


def _indexes(catalog: Path) -> list[str]:
    with closing(sqlite3.connect(catalog)) as connection:
        rows = connection.execute(
            "SELECT sql FROM sqlite_schema"
            " WHERE name = 'products_title_words' OR tbl_name = 'products' AND type = 'index' AND sql IS NOT NULL"
        )
        return [sql for (sql,) in rows]


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _with_csv(products: Path, catalog: Path, file: Path) -> None:
    marks = ", ".join("?" * _COLUMNS)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection, products.open(newline="") as text:
        for sql in _before():
            connection.execute(sql)
        rows = csv.reader(text)
        next(rows)
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO products VALUES ({marks})", rows)
        connection.execute("COMMIT")
        for sql in (*_indexes(catalog), _WORDS, _END):
            connection.execute(sql)


if __name__ == "__main__":
    _with_csv(*map(Path, sys.argv[1:4]))
