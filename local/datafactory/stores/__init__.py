"""The stores of a pipeline on this machine: the storage account of IMPORT_STORAGE, the database of DATABASE_URL.

Each database dialect has a class that implements `SqlStore`; `sql_store` chooses it by the URL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from local.datafactory.json_values import Json
from local.datafactory.stop import Stop

if TYPE_CHECKING:
    import pyarrow as pa

    from local.datafactory.stores.blobs import BlobStore


class SqlStore(Protocol):
    """A database as Copy's sink and as the place of stored procedures."""

    def copy_into(
        self, run_id: str, schema: str, table: str, pre_copy_script: str | None, rows: pa.RecordBatchReader
    ) -> int:
        """Runs the script, then appends the rows in their order. Returns their number.

        An error of reading the rows is raised here; none of the rows counts then.
        """
        ...

    def call(self, procedure: str, parameters: dict[str, Json], timeout: float, stop: Stop) -> dict[str, Json]:
        """Calls a stored procedure and returns the first row of its result. A request to stop rolls it back."""
        ...

    def end_run(self, run_id: str) -> None:
        """Deletes what was kept for a run that has ended."""
        ...

    def sweep(self) -> None:
        """Deletes, at the factory's start, what killed runs have left behind."""
        ...


@dataclass(frozen=True)
class Stores:
    """The stores behind the linked services, by type."""

    sql: SqlStore
    blobs: BlobStore


def sql_store(url: sa.URL) -> SqlStore:
    """The store for a database URL."""
    if url.get_backend_name() == "sqlite":
        from local.datafactory.stores.sqlite.store import SqliteStore

        return SqliteStore(url)
    if url.get_backend_name() == "mssql":
        # Only this store needs pyodbc, which needs unixODBC.
        from local.datafactory.stores.sql_server import SqlServerStore
        from shared.database.mssql import engines

        return SqlServerStore(engines.create_engine(url))
    raise SystemExit(
        f"DATABASE_URL: expected sqlite:///… or mssql+pyodbc://…, got a URL of {url.get_backend_name()}. "
        "Copy can't write to it."
    )
