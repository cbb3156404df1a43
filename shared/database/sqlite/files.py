"""What is SQLite's own: its files, and how a connection is set up for several processes.

A catalog `catalog.db` has beside it `catalog.imports.db` (records, rejects: the schema `import` of Azure
SQL) and, while imports run, one `catalog.staging/{run_id}.db` each.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

# Of a new file; twice the default: a merge of 1.4 million rows takes a sixth less.
_PAGE_SIZE = "PRAGMA page_size = 8192"
# Readers go on while one writes, across processes. The file remembers it.
_JOURNAL_MODE = "PRAGMA journal_mode = WAL"
_PRAGMAS = (
    # With WAL no crash of a process loses a commit; only a power cut may lose the last ones.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -32768",  # KiB
    "PRAGMA mmap_size = 1073741824",
)
_SWITCH_PAUSE = 0.01  # seconds


def prepare_connection(connection: sqlite3.Connection, _record: object = None) -> None:
    """Sets a new connection up; transactions are begun by `begin`, not by the driver."""
    connection.isolation_level = None
    connection.execute(_PAGE_SIZE)
    _switch_journal(connection)
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _switch_journal(connection: sqlite3.Connection) -> None:
    """Waits for another that makes a new file at the same time, as long as this connection waits for any lock.

    SQLite itself says "locked" at once where both read already and one of them writes.
    """
    (milliseconds,) = connection.execute("PRAGMA busy_timeout").fetchone()
    deadline = time.monotonic() + milliseconds / 1000
    while True:
        try:
            connection.execute(_JOURNAL_MODE)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_SWITCH_PAUSE)
        else:
            return


def begin(connection: sa.Connection) -> None:
    """Begins as the execution option `sqlite_begin` says; IMMEDIATE, for a write, waits for the lock at once.

    A transaction that begins as a reader and then writes would fail wherever another wrote meanwhile.
    """
    mode: Any = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


def catalog_file(url: sa.URL) -> Path:
    """The catalog's file. Raises ValueError for a URL without one (a database in memory has no second process)."""
    if not url.database or url.database == ":memory:":
        raise ValueError("DATABASE_URL: expected sqlite:///path/to/catalog.db, got one without a file")
    return Path(url.database)


def imports_file(url: sa.URL) -> Path:
    """The file of the import records and rejects."""
    file = catalog_file(url)
    return file.with_name(f"{file.stem}.imports.db")


def imports_url(url: sa.URL) -> sa.URL:
    """The catalog's URL with the imports' file in place of its own."""
    return url.set(database=str(imports_file(url)))


def staging_folder(url: sa.URL) -> Path:
    """Where each run's staging file stands while the run lasts."""
    file = catalog_file(url)
    return file.with_name(f"{file.stem}.staging")


def staging_file(url: sa.URL, run_id: str) -> Path:
    """The staging tables of one run, dropped whole at its end."""
    return staging_folder(url) / f"{run_id}.db"
