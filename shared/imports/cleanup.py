"""Deletes what imports leave behind: working copies, staging rows, and rejects that are older than 90 days."""

from __future__ import annotations

import datetime as dt
import logging

from shared.database.transactions import Transactions
from shared.imports import repository
from shared.imports.data_factory import DataFactoryClient
from shared.imports.rejects import SessionLogs
from shared.imports.schemas import KINDS, Kind
from shared.imports.storage import WorkingCopies
from shared.telemetry.executor import ContextExecutor

log = logging.getLogger(__name__)

_REJECTS_KEPT = dt.timedelta(days=90)
# Records per call whose rejects may be deleted.
_RECORDS = 200
# Staging rows per transaction: fewer than the 5,000 locks at which SQL Server locks the whole table, which a Copy may
# be writing to.
_ROWS = 2_000
# Transactions per call and kind.
_TRANSACTIONS = 100


class ImportCleanup:
    """Each call does a bounded part; the next call continues where it stopped. A new process starts anew."""

    def __init__(
        self,
        records: Transactions,
        copies: WorkingCopies,
        logs: SessionLogs,
        factory: DataFactoryClient,
        executor: ContextExecutor,
    ) -> None:
        self._records = records
        self._copies = copies
        self._logs = logs
        self._factory = factory
        self._executor = executor
        self._copies_continuation: str | None = None
        self._logs_continuation: str | None = None
        self._records_after = 0

    async def delete_leftover_copies(self) -> None:
        """Deletes the working copies of finished imports: their process died before it deleted them."""
        page, self._copies_continuation = await self._executor.run(self._copies.list_page, self._copies_continuation)
        finished = await self._records.read(lambda connection: repository.finished_imports(connection, page))
        for import_id in finished:
            await self._executor.run(self._copies.delete, import_id, page[import_id])

    async def delete_leftover_rows(self) -> None:
        """Deletes the staging rows of ended runs on Azure SQL. Raises DataFactoryUnavailableError.

        A merge deletes the rows of its run. They are left where a run was cancelled, failed or was killed before that.
        Once Data Factory reports that a run has ended, no merge of it starts. A merge that still runs although Data
        Factory has given it up protects its rows by a lock.

        The staging tables are in the order of insertion and a pipeline has one run at a time. So leftovers come before
        the rows of the current run, and it is enough to look at the first row.

        On SQLite each run has a staging file, which is deleted with it.
        """
        if self._records.engine.dialect.name != "sqlite":
            for kind in KINDS:
                await self._delete_leftover_rows(kind)

    async def delete_old_rejects(self) -> None:
        """Deletes the rejected rows of imports that finished more than 90 days ago."""
        before = dt.datetime.now(dt.UTC) - _REJECTS_KEPT
        records = await self._records.read(
            lambda connection: repository.read_oldest(connection, self._records_after, _RECORDS)
        )
        old = [record.import_id for record in records if record.finished_at and record.finished_at < before]
        is_last_page = len(records) < _RECORDS or records[-1].received_at >= before
        self._records_after = 0 if is_last_page else records[-1].sequence
        with_rejects = await self._records.read(lambda connection: repository.imports_with_rejects(connection, old))
        if with_rejects:
            await self._records.write(lambda connection: repository.delete_rejects(connection, with_rejects))

    async def delete_old_logs(self) -> None:
        """Deletes Data Factory's logs of skipped rows that are older than 90 days."""
        before = dt.datetime.now(dt.UTC) - _REJECTS_KEPT
        self._logs_continuation = await self._executor.run(self._logs.delete_older, before, self._logs_continuation)

    async def _delete_leftover_rows(self, kind: Kind) -> None:
        ended: set[str] = set()
        for _ in range(_TRANSACTIONS):
            first = await self._records.read(lambda connection: repository.first_staged_row(connection, kind))
            if first is None:
                return
            if first.run_id not in ended:
                if not await self._has_run_ended(first.run_id):
                    return
                log.info("run %s has left staging rows, which are deleted", first.run_id)
                ended.add(first.run_id)
            deleted = await self._records.write(
                lambda connection, first=first: repository.delete_staged_rows(connection, kind, first, _ROWS)  # type: ignore[misc]  # bound here
            )
            if not deleted:
                return

    async def _has_run_ended(self, run_id: str) -> bool:
        has_ended = await self._executor.run(self._factory.has_run_ended, run_id)
        if has_ended is None:
            # Data Factory forgets runs after weeks, and knows a new run only after a moment.
            return not await self._records.read(lambda connection: repository.is_run_awaited(connection, run_id))
        return has_ended
