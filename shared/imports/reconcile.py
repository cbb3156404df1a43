"""What the timer does for imports: bounded work, idempotent, right when two processes do it at once."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable

from azure.core.exceptions import AzureError

from shared.database.transactions import Transactions
from shared.http.problems import UnavailableError
from shared.imports import repository
from shared.imports.data_factory import DataFactoryUnavailableError
from shared.imports.intake import import_id_of, is_csv
from shared.imports.service import ImportService
from shared.imports.staging import KINDS
from shared.settings import Settings
from shared.telemetry import spans, work

log = logging.getLogger(__name__)

# Per run: imports that are brought on, and how many of them at a time.
_IMPORTS = 200
_AT_ONCE = 4
# Per run: records that are looked at for rejected rows that have been kept long enough.
_OLD_RECORDS = 200
_REJECTS_KEPT = dt.timedelta(days=90)
# The name of the timer's function.
_RECONCILE = "reconcile_imports"


class Reconciliation:
    """Brings every import to its end, finds blobs that nobody was told of, and cleans up.

    It remembers in memory how far it has come; a new process begins from the start, which does no harm.
    """

    def __init__(self, service: ImportService, records: Transactions, settings: Settings) -> None:
        self._service = service
        self._records = records
        self._event_lost_after = dt.timedelta(seconds=settings.import_event_lost_seconds)
        self._unfinished_after = 0
        self._old_after = 0
        self._next_uploads: str | None = None
        self._next_copies: str | None = None
        self._next_logs: str | None = None

    async def run(self) -> None:
        """One run of the timer. What one part can't do now keeps no other part from its work."""
        with work.on(operation=_RECONCILE), spans.span(_RECONCILE):
            for part in (
                self.bring_on_unfinished,
                self.receive_unannounced,
                self.drop_leftover_copies,
                self.drop_leftover_rows,
                self.drop_old_rejects,
                self.drop_old_logs,
            ):
                await _reporting(part)

    async def bring_on_unfinished(self) -> None:
        """The next so many unfinished imports, oldest first; begins anew when it has been through."""
        unfinished = await self._records.read(
            lambda connection: repository.read_unfinished(connection, self._unfinished_after, _IMPORTS)
        )
        self._unfinished_after = unfinished[-1].sequence if len(unfinished) == _IMPORTS else 0
        slots = asyncio.Semaphore(_AT_ONCE)

        async def take(import_id: str) -> None:
            async with slots:
                await self._service.steps.take(import_id)

        await asyncio.gather(*(take(record.import_id) for record in unfinished))

    async def receive_unannounced(self) -> None:
        """One page of the uploads: what has been there for a while without a record, its event was lost."""
        threads, uploads = self._service.threads, self._service.uploads
        page, self._next_uploads = await threads.run(uploads.page, self._next_uploads)
        lost = dt.datetime.now(dt.UTC) - self._event_lost_after
        blobs = {import_id_of(blob.name, blob.etag): blob for blob in page if is_csv(blob.name)}
        known = await self._records.read(lambda connection: repository.known_imports(connection, blobs))
        # Oldest first, as their events would have come.
        for import_id, blob in sorted(blobs.items(), key=lambda item: item[1].uploaded_at):
            if import_id not in known and blob.uploaded_at <= lost:
                log.warning("import %s begins late: its blob's event was lost", import_id)
                await self._service.receipt.receive_blob(blob)

    async def drop_leftover_copies(self) -> None:
        """One page of the working copies: those of ended imports, whose process died before it dropped them."""
        threads, copies = self._service.threads, self._service.copies
        page, self._next_copies = await threads.run(copies.page, self._next_copies)
        finished = await self._records.read(lambda connection: repository.finished_imports(connection, page))
        for import_id in finished:
            await threads.run(copies.drop, import_id, page[import_id])

    async def drop_leftover_rows(self) -> None:
        """Staging rows of runs that have ended without their merge, on Azure SQL."""
        for kind in KINDS:
            await self._service.staging.drop_leftovers(kind)

    async def drop_old_rejects(self) -> None:
        """The rejected rows of imports that ended long ago; begins anew when it has been through."""
        before = dt.datetime.now(dt.UTC) - _REJECTS_KEPT
        records = await self._records.read(
            lambda connection: repository.read_oldest(connection, self._old_after, _OLD_RECORDS)
        )
        old = [record.import_id for record in records if record.finished_at and record.finished_at < before]
        is_through = len(records) < _OLD_RECORDS or records[-1].received_at >= before
        self._old_after = 0 if is_through else records[-1].sequence
        with_rejects = await self._records.read(lambda connection: repository.with_rejects(connection, old))
        if with_rejects:
            await self._records.write(lambda connection: repository.drop_rejects(connection, with_rejects))

    async def drop_old_logs(self) -> None:
        """One page of Copy's logs."""
        before = dt.datetime.now(dt.UTC) - _REJECTS_KEPT
        logs = self._service.logs
        self._next_logs = await self._service.threads.run(logs.drop_before, before, self._next_logs)


async def _reporting(part: Callable[[], Awaitable[None]]) -> None:
    try:
        await part()
    except (AzureError, DataFactoryUnavailableError, UnavailableError) as error:
        log.warning("reconcile, %s: %s", part.__name__, error)
    except Exception:
        # The boundary of a part: told in the log, while the others go on.
        log.exception("reconcile, %s", part.__name__)
