"""Where a pipeline's data is on this machine: the storage account of IMPORT_STORAGE, the database of DATABASE_URL.

A dialect is one class that fulfils `SqlStore`; `sql_store` picks it by the URL.
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
        """Runs the script, then appends the rows in their order; gives how many.

        Raises what reading the rows raises; then none of them counts.
        """
        ...

    def call(self, procedure: str, parameters: dict[str, Json], timeout: float, stop: Stop) -> dict[str, Json]:
        """Calls a stored procedure and gives the first row of its result; rolled back when told to stop."""
        ...

    def end_run(self, run_id: str) -> None:
        """The run has ended: what was kept for it alone goes."""
        ...

    def sweep(self) -> None:
        """The factory starts: what runs left behind that were killed goes."""
        ...


@dataclass(frozen=True)
class Stores:
    """The stores that linked services stand for, by type."""

    sql: SqlStore
    blobs: BlobStore


def sql_store(url: sa.URL) -> SqlStore:
    """The store for a database URL."""
    if url.get_backend_name() == "sqlite":
        from local.datafactory.stores.sqlite.store import SqliteStore

        return SqliteStore(url)
    if url.get_backend_name() == "mssql":
        # Only here is pyodbc needed, and unixODBC with it.
        from local.datafactory.stores.sql_server import SqlServerStore
        from shared.database.mssql import engines

        return SqlServerStore(engines.create_engine(url))
    raise SystemExit(
        f"DATABASE_URL: expected sqlite:///… or mssql+pyodbc://…, got one of {url.get_backend_name()}, "
        "which Copy can't write to."
    )
