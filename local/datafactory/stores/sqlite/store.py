"""SqliteStore: Copy fills a run's staging file through ADBC, a procedure merges it into the catalog."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.schema import CreateTable

from local.datafactory.failures import ActivityFailedError, InvalidDefinitionError, StoppedError
from local.datafactory.json_values import Json
from local.datafactory.stop import Stop
from local.datafactory.stores.sqlite import staging_files
from local.datafactory.stores.sqlite.merge import MergeCall
from local.datafactory.stores.sqlite.merge_procedures import PROCEDURES
from local.datafactory.stores.sqlite.process import Merge, merge_in_process
from shared.database.metadata import IMPORT_SCHEMA
from shared.imports.tables import STAGING

_PAGE_BYTES = 16384
# The file belongs to one run and is deleted with it, so nothing in it need survive a crash.
_STAGING_PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = -16384")


class SqliteStore:
    """The catalog of a `sqlite:///` URL."""

    def __init__(self, url: sa.URL, merge: Merge = merge_in_process) -> None:
        self._url = url
        self._merge = merge

    def copy_into(
        self, run_id: str, schema: str, table: str, pre_copy_script: str | None, rows: pa.RecordBatchReader
    ) -> int:
        """See SqlStore."""
        if f"{schema}.{table}" not in STAGING:
            raise ActivityFailedError("SqlInvalidObjectName", f"Invalid object name '{schema}.{table}'.")
        file = staging_files.staging_file(self._url, run_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._prepare(run_id, f"{schema}.{table}", pre_copy_script)
            return _ingest(str(file), table, rows)
        except BaseException:
            # Without a journal, a file can't be rolled back: a retry begins with a new one.
            self.end_run(run_id)
            raise

    def call(self, procedure: str, parameters: dict[str, Json], timeout: float, stop: Stop) -> dict[str, Json]:
        """See SqlStore."""
        if procedure not in PROCEDURES:
            raise ActivityFailedError("SqlOperationFailed", f"Could not find stored procedure '{procedure}'.")
        match parameters:
            case {"import_id": str(import_id), "run_id": str(run_id), "rows_skipped": int(rows_skipped), **rest} if (
                not rest
            ):
                pass
            case _:
                raise InvalidDefinitionError(
                    f"The procedure '{procedure}' expects the parameters import_id and run_id (String) and rows_skipped"
                    f" (Int64), got {', '.join(parameters) or 'none'}."
                )
        limit = Stop()
        timer = threading.Timer(timeout, limit.request)
        timer.daemon = True
        timer.start()
        try:
            with stop.on_request(limit.request):
                return self._merge(MergeCall(self._url, procedure, import_id, run_id, rows_skipped), limit)
        except StoppedError:
            stop.check()
            raise ActivityFailedError("SqlTimeout", f"The procedure ran beyond its {timeout:g} s.") from None
        finally:
            timer.cancel()

    def end_run(self, run_id: str) -> None:
        """See SqlStore."""
        # Including the file of a text index that was being built.
        for file in staging_files.staging_folder(self._url).glob(f"{run_id}.*"):
            file.unlink(missing_ok=True)

    def sweep(self) -> None:
        """See SqlStore."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(staging_files.staging_folder(self._url))

    def _prepare(self, run_id: str, table: str, pre_copy_script: str | None) -> None:
        """Creates the staging table if it is missing, and runs Copy's script, which calls it `[import].[…]`."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        with contextlib.closing(connection):
            connection.execute(f"ATTACH ? AS [{IMPORT_SCHEMA}]", [str(staging_files.staging_file(self._url, run_id))])
            connection.execute(f"PRAGMA [{IMPORT_SCHEMA}].page_size = {_PAGE_BYTES}")
            create = CreateTable(STAGING[table], if_not_exists=True)
            connection.execute(str(create.compile(dialect=SQLiteDialect())))
            if pre_copy_script is not None:
                connection.execute(pre_copy_script)


def _ingest(file: str, table: str, rows: pa.RecordBatchReader) -> int:
    from adbc_driver_sqlite import dbapi

    with dbapi.connect(file, autocommit=True) as connection, connection.cursor() as cursor:
        for pragma in _STAGING_PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        return int(cursor.adbc_ingest(table, rows, mode="append"))
