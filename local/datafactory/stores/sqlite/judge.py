"""Judges a run's staging rows: finds those to reject, those that later rows replace, and those that differ.

Reading texts and matching patterns takes most of an import's time, besides the indexes. So it runs on two cores.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import apsw

from local.datafactory.stop import Stop
from local.datafactory.stores.sqlite.merge_procedures import MergeProcedure
from local.datafactory.stores.sqlite.readers import Readers
from shared.database.metadata import IMPORT_SCHEMA

# With fewer rows, starting threads and connections takes longer than they save.
_FEWEST_ROWS = 20_000
_CACHE_KIB = 24_576
# The catalog is locked even for readers while its last connection closes, or while its log is recovered after a crash.
BUSY_MILLISECONDS = 5_000
# Small enough that neither of the two threads has much left when the other one is done.
_PARTS = 8
_TABLES = """
DROP TABLE IF EXISTS temp.rejected;
DROP TABLE IF EXISTS temp.repeated;
DROP TABLE IF EXISTS temp.superseded;
CREATE TEMP TABLE rejected (row_no INTEGER PRIMARY KEY, reason TEXT NOT NULL);
CREATE TEMP TABLE repeated (key PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE superseded (row_no INTEGER PRIMARY KEY);
"""
_LEFT_OUT = "SELECT row_no FROM temp.rejected UNION ALL SELECT row_no FROM temp.superseded"


@dataclass(frozen=True)
class Staging:
    """A run's staging file, the procedure that merges it, and the flags of its optional columns."""

    file: Path
    procedure: MergeProcedure
    column_flags: Mapping[str, int]
    stop: Stop


def quoted(text: str) -> str:
    """A value as a reason shows it: in quotes, cut at 60 characters."""
    return f'"{text[:60]}…"' if len(text) > 60 else f'"{text}"'  # noqa: PLR2004  # see the docstring


def judge(connection: apsw.Connection, staging: Staging) -> None:
    """Fills the connection's temporary tables `rejected` and `superseded`. Doesn't use the catalog."""
    connection.execute(_TABLES)
    sections = staging.procedure.sections
    (judged,), (repeated,) = sections["1 judge"], sections["2 repeated"]
    last = _last_row(connection, staging)
    with Readers(functools.partial(_open_staging, staging.file), staging.stop) as readers:
        keys = readers.rows(repeated)
        parts = 1 if last < _FEWEST_ROWS else _PARTS
        rejects = readers.rows_in_parts(judged, staging.column_flags, last, parts)
        connection.executemany("INSERT INTO temp.repeated (key) VALUES (?)", keys)
        connection.executemany("INSERT INTO temp.rejected (row_no, reason) VALUES (?, ?)", rejects)
    if connection.execute("SELECT EXISTS (SELECT 1 FROM temp.repeated)").get:
        for statement in sections["3 supersede"]:
            connection.execute(statement)


def compare(connection: apsw.Connection, catalog_file: Path, staging: Staging) -> None:
    """Fills the temporary table `pending`. The connection holds the catalog's lock and hasn't written to it yet."""
    sections = staging.procedure.sections
    (statement,) = sections["6 compare"]
    last = _last_row(connection, staging)
    if last < _FEWEST_ROWS or not connection.execute("SELECT EXISTS (SELECT 1 FROM main.products)").get:
        # In a first load all rows differ. Handing them from thread to thread would cost more than it saves.
        connection.execute(f"INSERT INTO temp.pending {statement}", {"first": 1, "last": last, **staging.column_flags})
        return
    left_out = connection.execute(_LEFT_OUT).fetchall()

    def open_both() -> apsw.Connection:
        reader = _open_staging(staging.file, str(catalog_file))
        reader.execute(f"PRAGMA main.cache_size = -{_CACHE_KIB}")
        reader.execute(_TABLES)
        reader.executemany("INSERT INTO temp.rejected (row_no, reason) VALUES (?, '')", left_out)
        for view in sections["4 incoming"]:
            reader.execute(view)
        return reader

    columns = connection.execute("SELECT count(*) FROM pragma_table_info('pending', 'temp')").get
    with Readers(open_both, staging.stop) as readers:
        pending = readers.rows_in_parts(statement, staging.column_flags, last, 2)
        connection.executemany(f"INSERT INTO temp.pending VALUES ({', '.join('?' * columns)})", pending)


def _open_staging(staging_file: Path, main: str = ":memory:") -> apsw.Connection:
    connection = apsw.Connection(main)
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    connection.execute(f"ATTACH ? AS [{IMPORT_SCHEMA}]", [str(staging_file)])
    connection.create_scalar_function("quoted", lambda *values: quoted(str(values[0])), 1, deterministic=True)
    return connection


def _last_row(connection: apsw.Connection, staging: Staging) -> int:
    statement = f"SELECT coalesce(max(row_no), 0) FROM [{IMPORT_SCHEMA}].[{staging.procedure.staging}]"
    return int(connection.execute(statement).get)
