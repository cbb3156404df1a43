"""A catalog into which tests merge rows, through the store that the local Data Factory uses."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from local.datafactory.json_values import Json
from local.datafactory.stop import Stop
from local.datafactory.stores import SqlStore
from local.datafactory.stores.sqlite.process import Merge
from local.datafactory.stores.sqlite.store import SqliteStore
from shared.catalog.tables import categories, products
from shared.database.sqlite import files
from shared.database.tables import cache_invalidations
from shared.imports.tables import categories_staging, import_outcomes, import_records, import_rejects, products_staging
from testkit import databases
from tests.merge.cases import Row

_STAGING = {"products": products_staging, "categories": categories_staging}


class Catalog:
    """An empty catalog, on SQLite or on the server of the tests."""

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        # The row_no before the first row of each run: 0 on SQLite. On a server, all runs share a table.
        self._rows_before: dict[str, int] = {}
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self.store: SqlStore = databases.factory_store(url)
        self._catalog: sa.Engine
        self._imports: sa.Engine
        if self.is_sqlite:
            self._catalog = sa.create_engine(url)
            self._imports = sa.create_engine(files.imports_url(url)).execution_options(
                schema_translate_map={"import": None}
            )
        else:
            self._catalog = self._imports = databases.pooled_engine(url)

    def close(self) -> None:
        if self.is_sqlite:  # the server's engine serves the next test, too
            self._catalog.dispose()
            self._imports.dispose()

    def merge_by(self, merge: Merge) -> None:
        """Replaces the merge on SQLite by an altered one."""
        self.store = SqliteStore(self.url, merge)

    def register(self, blob_name: str = "p.csv", **values: Any) -> str:
        """Inserts an import's record. Each call is a newer upload."""
        import_id = str(uuid.uuid4())
        record = {
            "import_id": import_id,
            "blob_name": blob_name,
            "etag": import_id,
            "size_bytes": 1,
            "status": "running",
            "max_reject_share": 0.5,
            "progress": 0,
            "received_at": dt.datetime.now(dt.UTC),
        }
        with self._imports.begin() as connection:
            connection.execute(sa.insert(import_records).values(record | values))
        return import_id

    def change_record(self, import_id: str, **values: Any) -> None:
        with self._imports.begin() as connection:
            connection.execute(sa.update(import_records).where(import_records.c.import_id == import_id).values(values))

    def decide(self, import_id: str, status: str, message: str) -> None:
        """Writes an outcome, as the app does for an import that it gives up."""
        now = dt.datetime.now(dt.UTC)
        values = {"import_id": import_id, "blob_name": "p.csv", "sequence": 1, "status": status, "message": message}
        with self._catalog.begin() as connection:
            connection.execute(sa.insert(import_outcomes).values(values | {"merged_at": now}))

    def stage(self, kind: str, rows: Sequence[Row]) -> str:
        """Writes the staging rows of a new run. Returns the run's id."""
        run_id = str(uuid.uuid4())
        names = _STAGING[kind].c.keys()[1:]
        columns = [[run_id] * len(rows), *([row[n] for row in rows] for n in range(len(names) - 1))]
        schema = pa.schema([(name, pa.string()) for name in names])
        batch = pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in columns], schema=schema)
        self.store.copy_into(
            run_id, "import", f"{kind}_staging", None, pa.RecordBatchReader.from_batches(schema, [batch])
        )
        if not self.is_sqlite:
            first = sa.select(sa.func.min(_STAGING[kind].c.row_no)).where(_STAGING[kind].c.run_id == run_id)
            with self._imports.connect() as connection:
                self._rows_before[run_id] = (connection.execute(first).scalar_one() or 1) - 1
        return run_id

    def call(self, kind: str, import_id: str, run_id: str, rows_skipped: int = 0, stop: Stop | None = None) -> Any:
        """Calls the procedure like the factory."""
        self._rows_before[import_id] = self._rows_before.get(run_id, 0)
        parameters: dict[str, Json] = {"import_id": import_id, "run_id": run_id, "rows_skipped": rows_skipped}
        return self.store.call(f"import.merge_{kind}", parameters, 300, stop or Stop())

    def merge(self, kind: str, rows: Sequence[Row], rows_skipped: int = 0, **record: Any) -> Any:
        """Imports these rows. Returns the procedure's row."""
        return self.call(kind, self.register(**record), self.stage(kind, rows), rows_skipped)

    def forget_tags(self) -> None:
        with self._catalog.begin() as connection:
            connection.execute(sa.delete(cache_invalidations))

    def tags(self) -> set[str]:
        return set(self.rows(sa.select(cache_invalidations.c.tag)))

    def products(self) -> list[Any]:
        with self._catalog.connect() as connection:
            return list(connection.execute(sa.select(products).order_by(products.c.asin)))

    def categories(self) -> dict[int, tuple[str, int]]:
        with self._catalog.connect() as connection:
            found = connection.execute(sa.select(categories))
            return {row.category_id: (row.name, row.product_count) for row in found}

    def outcome(self, import_id: str) -> Any:
        with self._catalog.connect() as connection:
            return connection.execute(
                sa.select(import_outcomes).where(import_outcomes.c.import_id == import_id)
            ).one_or_none()

    def rejects(self, import_id: str) -> list[tuple[int, str, str]]:
        """Row (from 1), reason and fields of each."""
        before = self._rows_before[import_id]
        statement = sa.select(import_rejects.c.row_no, import_rejects.c.reason, import_rejects.c.fields)
        with self._imports.connect() as connection:
            found = connection.execute(
                statement.where(import_rejects.c.import_id == import_id).order_by(import_rejects.c.row_no)
            )
            return [(row.row_no - before, row.reason, row.fields) for row in found]

    def title_words(self, word: str) -> list[str]:
        """The asins of the products that have the word in their title, by the text index."""
        statement = (
            "SELECT asin FROM products WHERE product_id IN"
            " (SELECT rowid FROM products_title_words WHERE products_title_words MATCH ?)"
        )
        with self.driver() as connection:
            return sorted(row[0] for row in connection.execute(statement, [word]))

    def rows(self, statement: sa.Select[tuple[Any]]) -> list[Any]:
        with self._catalog.connect() as connection:
            return list(connection.execute(statement).scalars())

    @contextlib.contextmanager
    def driver(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(files.catalog_file(self.url), isolation_level=None)) as connection:
            yield connection

    @contextlib.contextmanager
    def another_write(self) -> Iterator[None]:
        """Within the context, another connection has an open write on the categories, which is then rolled back."""
        with databases.autocommit_engine(self.url).connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if self.is_sqlite else "BEGIN TRANSACTION")
            connection.execute(sa.insert(categories).values(category_id=104, name="Another's", product_count=0))
            yield
            connection.exec_driver_sql("ROLLBACK")

    def staged(self, kind: str) -> set[str]:
        """The runs that have rows in the staging table of a server."""
        return set(self.rows(sa.select(_STAGING[kind].c.run_id)))


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    found = Catalog(sa.make_url(databases.fresh_database(tmp_path)))
    yield found
    found.close()


COUNTS = ("rows_read", "rows_inserted", "rows_updated", "rows_unchanged", "rows_superseded", "rows_rejected")


def counts_of(row: Any) -> tuple[int | None, ...]:
    """The row counts of a procedure's row or an outcome."""
    mapping = row if isinstance(row, dict) else row._mapping
    return tuple(mapping[name] for name in COUNTS)
