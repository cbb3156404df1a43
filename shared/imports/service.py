"""The imports of CSV files: events, records, upload URLs, cancel, retry and rejects."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError

from shared.cache.outbox import Outbox
from shared.database.database import Database
from shared.http.cursors import check_position, decode_cursor, encode_cursor
from shared.http.problems import ConflictError, NotFoundError, UnavailableError
from shared.imports import repository
from shared.imports.cleanup import ImportCleanup
from shared.imports.data_factory import DataFactoryClient, DataFactoryUnavailableError
from shared.imports.events import import_changed
from shared.imports.header import detect_kind
from shared.imports.intake import ImportIntake
from shared.imports.reconcile import Reconciliation
from shared.imports.records import Change, Record
from shared.imports.rejects import Rejects, SessionLogs
from shared.imports.schemas import ImportPage, ImportQuery, ImportRecord, Upload
from shared.imports.storage import BlobChangedError, ImportStorage, Uploads, WorkingCopies
from shared.imports.workflow import ImportWorkflow
from shared.settings import Settings
from shared.telemetry import spans, work
from shared.telemetry.executor import ContextExecutor

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

log = logging.getLogger(__name__)

_THREADS = 8
_UPLOAD_URL_LASTS = dt.timedelta(hours=1)
# How long a request waits for the steps of its import. After that it shows the record as it is.
_STEPS_TIMEOUT_SECONDS = 2.0
_LIST = "imports"
# The names of the functions.
_RECEIVE, _POISON = "start_import", "record_poison"


class ImportService:
    """Builds the parts that import files, and does what the triggers and the API's users request."""

    def __init__(self, database: Database, outbox: Outbox, settings: Settings) -> None:
        self._records = database.imports
        self._catalog = database.catalog
        # Threads of its own: a slow Storage account or Data Factory blocks nothing but imports.
        self._executor = ContextExecutor(_THREADS, "imports")
        storage = ImportStorage(settings)
        logs = SessionLogs(storage)
        self._uploads = Uploads(storage)
        self._copies = WorkingCopies(storage, self._uploads)
        self._rejects = Rejects(self._records, logs, self._executor)
        self._factory = DataFactoryClient(settings)
        self._workflow = ImportWorkflow(database, outbox, self._copies, self._factory, self._executor)
        self._intake = ImportIntake(self._records, self._uploads, self._workflow, self._executor, settings)
        cleanup = ImportCleanup(self._records, self._copies, logs, self._factory, self._executor)
        self.reconciliation = Reconciliation(self._records, self._intake, self._workflow, cleanup)

    async def receive(self, upload: BlobClient) -> None:
        """Handles the event of an uploaded blob: inserts its record and starts its import."""
        with work.on(operation=_RECEIVE), spans.kept_span(_RECEIVE):
            await self._intake.receive(upload)

    async def record_poison(self, text: str) -> None:
        """Records the import of a blob's event that the host gave up on as failed."""
        with work.on(operation=_POISON), spans.kept_span(_POISON):
            await self._intake.record_poison(text)

    async def get(self, import_id: str) -> ImportRecord:
        """One import; an unfinished one is advanced first. Raises NotFoundError."""
        record = await self._read(import_id)
        return _shown(record if record.is_finished else await self._advance(import_id))

    async def list_page(self, query: ImportQuery) -> ImportPage:
        """A page of imports, newest first. Raises BadRequestError for a cursor of another list."""
        before = None if query.cursor is None else _sequence(query.cursor)
        rows = await self._records.read(lambda connection: repository.read_page(connection, before, query.limit + 1))
        page = rows[: query.limit]
        next_cursor = encode_cursor([page[-1].sequence], _LIST) if len(rows) > query.limit else None
        return ImportPage(items=[_shown(row) for row in page], next_cursor=next_cursor)

    async def create_upload(self, file_name: str, uid: str) -> Upload:
        """A URL to upload one file to. The import finds the user by the name of the blob."""
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        blob_name, expires_at = f"{uuid.uuid4()}/{file_name}", now + _UPLOAD_URL_LASTS
        url = await self._call_storage(self._uploads.signed_url, blob_name, expires_at)
        await self._records.write(lambda connection: repository.insert_upload(connection, blob_name, uid, now))
        return Upload(upload_url=url, blob_name=blob_name, expires_at=expires_at)

    async def cancel(self, import_id: str) -> ImportRecord:
        """Cancels an import: nothing of it is loaded, unless its merge has committed.

        Raises NotFoundError, and ConflictError where it is finished.
        """
        # Before the run is cancelled: the merge reads it too, so it works where the run's id isn't recorded yet.
        requested = await self._records.write(lambda connection: repository.request_cancel(connection, import_id))
        record = await self._read(import_id)
        if not requested:
            raise ConflictError(f"Expected an import that hasn't ended, got one that is {record.status}.")
        if record.run_id:
            try:
                await self._executor.run(self._factory.cancel_run, record.run_id)
            except DataFactoryUnavailableError as error:
                log.warning("import %s: its run is cancelled later: %s", import_id, error)
        return _shown(await self._advance(import_id))

    async def retry(self, import_id: str) -> ImportRecord:
        """Starts a failed or cancelled import again, without another upload.

        Raises NotFoundError, and ConflictError where the import or its blob doesn't allow that.
        """
        # Read before the record: the outcome and the copy of a concurrent retry are others, and must stay.
        outcome = await self._catalog.read(lambda connection: repository.read_outcome(connection, import_id))
        copy = await self._call_storage(self._copies.find, import_id)
        record = await self._read(import_id)
        if record.status not in {"failed", "cancelled"}:
            raise ConflictError(f"Expected a failed or cancelled import, got one that is {record.status}.")
        change = await self._change_for_retry(record)
        if outcome:
            await self._catalog.write(lambda connection: repository.delete_outcome(connection, outcome))
        if copy:
            await self._call_storage(self._copies.delete, import_id, copy)
        if not await self._records.write(lambda connection: repository.reset_record(connection, record, change)):
            raise ConflictError("Expected a failed or cancelled import, got one that is being retried.")
        import_changed(record, change)
        log.info("import %s is retried", import_id)
        return _shown(await self._advance(import_id))

    async def rejects(self, import_id: str) -> AsyncIterator[str]:
        """The rejected rows as CSV, in parts. Raises NotFoundError."""
        return self._rejects.csv(await self._read(import_id))

    async def close(self) -> None:
        """Waits for the steps that are being taken, and ends the threads."""
        await self._workflow.close()
        self._executor.close()

    async def _advance(self, import_id: str) -> Record:
        """The record after the steps that can be taken now, or after _STEPS_TIMEOUT_SECONDS."""
        await asyncio.wait({asyncio.create_task(self._workflow.advance(import_id))}, timeout=_STEPS_TIMEOUT_SECONDS)
        return await self._read(import_id)

    async def _change_for_retry(self, record: Record) -> Change:
        """What the header of the blob says now. Raises ConflictError where it isn't the same version any more."""
        try:
            blob = await self._call_storage(self._uploads.require, record.blob_name, record.etag)
            detection = detect_kind(await self._call_storage(self._uploads.read_head, blob), blob.size)
        except BlobChangedError as error:
            raise ConflictError(
                f"Expected the blob as it was when the import began, got one that was {error.change}: upload it again."
            ) from error
        return {
            "status": "received" if detection.kind else "rejected",
            "message": detection.message,
            "kind": detection.kind,
            "csv_columns": detection.csv_columns,
            "size_bytes": blob.size,
            "finished_at": None if detection.kind else dt.datetime.now(dt.UTC),
        }

    async def _call_storage[**P, T](self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's result. Raises UnavailableError where Storage can't be reached."""
        try:
            return await self._executor.run(call, *args, **kwargs)
        except AzureError as error:
            log.warning("Storage: %s", error)
            raise UnavailableError("Storage can't be reached; try again in a moment.", retry_after=5) from error

    async def _read(self, import_id: str) -> Record:
        record = await self._records.read(lambda connection: repository.read_record(connection, import_id))
        if record is None:
            raise NotFoundError(f"There is no import {import_id}.")
        return record


def _sequence(cursor: str) -> int:
    position = decode_cursor(cursor, _LIST)
    check_position(position, {int})
    return int(position[0] or 0)


def _shown(record: Record) -> ImportRecord:
    """The record as users see it: an import that waits hasn't started, though its run may have been requested."""
    return record.model_copy(update={"started_at": None}) if record.status == "received" else record
