"""Judging a run's staging rows: which are rejected, which replaced by later ones, and which differ from the catalog.

Reading text and trying patterns on it is what an import spends most of its time on beside the indexes, so it's done
on two cores.
"""

from __future__ import annotations

import functools
from pathlib import Path

import apsw

from local.datafactory.stop import Stop
from local.datafactory.stores.merge_kinds import Kind
from local.datafactory.stores.sqlite.readers import Readers
from shared.database.metadata import IMPORT_SCHEMA

# With fewer rows, starting threads and connections takes longer than they save.
_FEWEST_ROWS = 20_000
_CACHE_KIB = 24_576
# While the last of others closes the catalog, or one reads its log anew after a crash, it is locked even for readers.
BUSY_MILLISECONDS = 5_000
# So that neither of the two threads is left with much when the other has no more.
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


def quoted(text: str) -> str:
    """A value as a reason shows it: in quotes, cut at 60 characters."""
    return f'"{text[:60]}…"' if len(text) > 60 else f'"{text}"'  # noqa: PLR2004  # said above


def judge(connection: apsw.Connection, staging_file: Path, kind: Kind, stop: Stop) -> None:
    """Fills the connection's temporary tables `rejected` and `superseded`; the catalog isn't needed yet."""
    connection.execute(_TABLES)
    (judged,), (repeated,) = kind.sections["1 judge"], kind.sections["2 repeated"]
    last = _last_row(connection, kind)
    with Readers(functools.partial(_open_staging, staging_file), stop) as readers:
        keys = readers.rows(repeated)
        rejects = readers.rows_in_parts(judged, last, 1 if last < _FEWEST_ROWS else _PARTS)
        connection.executemany("INSERT INTO temp.repeated (key) VALUES (?)", keys)
        connection.executemany("INSERT INTO temp.rejected (row_no, reason) VALUES (?, ?)", rejects)
    if connection.execute("SELECT EXISTS (SELECT 1 FROM temp.repeated)").get:
        for statement in kind.sections["3 supersede"]:
            connection.execute(statement)


def compare(connection: apsw.Connection, staging_file: Path, catalog_file: Path, kind: Kind, stop: Stop) -> None:
    """Fills the temporary table `pending`; the connection holds the catalog's lock and has written nothing to it."""
    (statement,) = kind.sections["6 compare"]
    last = _last_row(connection, kind)
    columns = "?, ?, ?" if kind.staging == "products_staging" else "?, ?"
    if last < _FEWEST_ROWS or not connection.execute("SELECT EXISTS (SELECT 1 FROM main.products)").get:
        # A first load: all rows differ, and needn't be handed from thread to thread.
        connection.execute(f"INSERT INTO temp.pending {statement}", {"first": 1, "last": last})
        return
    left_out = connection.execute(_LEFT_OUT).fetchall()

    def open_both() -> apsw.Connection:
        reader = _open_staging(staging_file, str(catalog_file))
        reader.execute(f"PRAGMA main.cache_size = -{_CACHE_KIB}")
        reader.execute(_TABLES)
        reader.executemany("INSERT INTO temp.rejected (row_no, reason) VALUES (?, '')", left_out)
        for view in kind.sections["4 incoming"]:
            reader.execute(view)
        return reader

    with Readers(open_both, stop) as readers:
        pending = readers.rows_in_parts(statement, last, 2)
        connection.executemany(f"INSERT INTO temp.pending VALUES ({columns})", pending)


def _open_staging(staging_file: Path, main: str = ":memory:") -> apsw.Connection:
    connection = apsw.Connection(main)
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    connection.execute(f"ATTACH ? AS [{IMPORT_SCHEMA}]", [str(staging_file)])
    connection.create_scalar_function("quoted", lambda *values: quoted(str(values[0])), 1, deterministic=True)
    return connection


def _last_row(connection: apsw.Connection, kind: Kind) -> int:
    return int(connection.execute(f"SELECT coalesce(max(row_no), 0) FROM [{IMPORT_SCHEMA}].[{kind.staging}]").get)
