"""Imports: received by a blob's event, brought to their end step by step, shown and steered over HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError

from shared.cache.outbox import Outbox
from shared.database.database import Database
from shared.http.cursors import decode_cursor, encode_cursor
from shared.http.problems import ConflictError, NotFoundError, UnavailableError
from shared.imports import repository
from shared.imports.data_factory import DataFactoryClient, DataFactoryUnavailableError
from shared.imports.events import import_changed
from shared.imports.header import Recognition, recognise
from shared.imports.intake import ImportIntake
from shared.imports.records import Change, Record
from shared.imports.rejects import Rejects
from shared.imports.schemas import ImportPage, ImportQuery, ImportRecord, Step, Upload
from shared.imports.session_logs import SessionLogs
from shared.imports.staging import Staging
from shared.imports.storage import ImportStorage
from shared.imports.threads import Threads
from shared.imports.uploads import BlobMovedOnError, UploadedBlob, Uploads
from shared.imports.workflow import ImportWorkflow
from shared.imports.working_copies import WorkingCopies
from shared.settings import Settings
from shared.telemetry import spans, work

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

log = logging.getLogger(__name__)

_THREADS = 8
_UPLOAD_LASTS = dt.timedelta(hours=1)
# A request waits so long for an import to be looked after; then it shows what the record says.
_PATIENCE_SECONDS = 2.0
_LIST = "imports"
# The names of the functions.
_RECEIVE, _POISON = "start_import", "record_poison"


class ImportService:
    """See the module."""

    def __init__(self, database: Database, outbox: Outbox, settings: Settings) -> None:
        storage = ImportStorage(settings)
        self.uploads = Uploads(storage)
        self.copies = WorkingCopies(storage, self.uploads)
        self.logs = SessionLogs(storage)
        self.threads = Threads(_THREADS)
        self.factory = DataFactoryClient(settings)
        self.staging = Staging(database.imports, self.factory, self.threads)
        self.steps = ImportWorkflow(database, outbox, self.copies, self.factory, self.threads)
        share = settings.import_max_reject_share
        self.receipt = ImportIntake(database.imports, self.uploads, self.steps, self.threads, share)
        self._records = database.imports
        self._catalog = database.catalog
        self._rejects = Rejects(database.imports, self.logs, self.threads)

    async def receive(self, upload: BlobClient) -> None:
        """A blob has landed: recognises it, writes its record, and takes the first steps."""
        with work.on(operation=_RECEIVE), spans.kept_span(_RECEIVE):
            await self.receipt.receive(upload)

    async def record_poison(self, text: str) -> None:
        """The host gave up on a blob's event: its import is recorded as failed."""
        with work.on(operation=_POISON), spans.kept_span(_POISON):
            await self.receipt.record_poison(text)

    async def get(self, import_id: str) -> ImportRecord:
        """One import, as it is now. Raises NotFoundError."""
        record = await self._existing(import_id)
        return _shown(record if record.is_finished else await self._looked_after(import_id))

    async def list_page(self, query: ImportQuery) -> ImportPage:
        """A page of imports, newest first. Raises BadRequestError for a cursor that isn't this list's."""
        before = None if query.cursor is None else _sequence(query.cursor)
        rows = await self._records.read(lambda connection: repository.read_page(connection, before, query.limit + 1))
        page = rows[: query.limit]
        next_cursor = encode_cursor([page[-1].sequence], _LIST) if len(rows) > query.limit else None
        return ImportPage(items=[_shown(row) for row in page], next_cursor=next_cursor)

    async def create_upload(self, file_name: str, uid: str) -> Upload:
        """A URL for one file; the name of its blob leads from the import back to the user."""
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        blob_name, expires_at = f"{uuid.uuid4()}/{file_name}", now + _UPLOAD_LASTS
        url = await self._ask_storage(self.uploads.signed_url, blob_name, expires_at)
        await self._records.write(lambda connection: repository.insert_upload(connection, blob_name, uid, now))
        return Upload(upload_url=url, blob_name=blob_name, expires_at=expires_at)

    async def cancel(self, import_id: str) -> ImportRecord:
        """Asks for the import's end: nothing of it is loaded, unless its merge has committed by now.

        Raises NotFoundError, and ConflictError where it has ended.
        """
        # First of all: the merge looks at it itself, so an import whose run isn't known yet is cancelled all the same.
        requested = await self._records.write(lambda connection: repository.request_cancel(connection, import_id))
        record = await self._existing(import_id)
        if not requested:
            raise ConflictError(f"Expected an import that hasn't ended, got one that is {record.status}.")
        if record.run_id:
            try:
                await self.threads.run(self.factory.cancel, record.run_id)
            except DataFactoryUnavailableError as error:
                log.warning("import %s: its run is cancelled later: %s", import_id, error)
        return _shown(await self._looked_after(import_id))

    async def retry(self, import_id: str) -> ImportRecord:
        """Another try without another upload.

        Raises NotFoundError, and ConflictError where there is nothing to try again.
        """
        # Looked at before the record: who else retries makes another outcome and another copy, and those stay.
        outcome = await self._catalog.read(lambda connection: repository.read_outcome(connection, import_id))
        copy = await self._ask_storage(self.copies.look_at, import_id)
        record = await self._existing(import_id)
        if record.status not in {"failed", "cancelled"}:
            raise ConflictError(f"Expected a failed or cancelled import, got one that is {record.status}.")
        try:
            blob = await self._ask_storage(self.uploads.version, record.blob_name, record.etag)
            recognition = recognise(await self._ask_storage(self.uploads.head, blob), blob.size)
        except BlobMovedOnError as error:
            raise ConflictError(
                f"Expected the blob as it was when the import began, got one that was {error.became}: upload it again."
            ) from error
        if outcome:
            await self._catalog.write(lambda connection: repository.drop_outcome(connection, outcome))
        if copy:
            await self._ask_storage(self.copies.drop, import_id, copy)
        if not await self._begin_again(record, blob, recognition):
            raise ConflictError("Expected a failed or cancelled import, got one that is being retried already.")
        log.info("import %s is tried again", import_id)
        return _shown(await self._looked_after(import_id))

    async def rejects(self, import_id: str) -> AsyncIterator[str]:
        """The rejected rows as CSV, in parts. Raises NotFoundError."""
        return self._rejects.csv(await self._existing(import_id))

    async def close(self) -> None:
        """Waits for the steps that are under way, and ends the threads."""
        await self.steps.close()
        self.threads.close()

    async def _looked_after(self, import_id: str) -> Record:
        """The record after the steps that could be taken; or before their end, where that takes too long."""
        await asyncio.wait({asyncio.create_task(self.steps.take(import_id))}, timeout=_PATIENCE_SECONDS)
        return await self._existing(import_id)

    async def _begin_again(self, record: Record, blob: UploadedBlob, recognition: Recognition) -> bool:
        """The record as it is at the beginning; False where another process was faster."""
        change: Change = {
            "status": "received" if recognition.kind else "rejected",
            "message": recognition.message,
            "kind": recognition.kind,
            "size_bytes": blob.size,
            "cancel_requested": False,
            "progress": 0.0,
            "rows_per_second": None,
            "seconds_left": None,
            "steps": "[]",
            "run_id": None,
            "started_at": None,
            "finished_at": None if recognition.kind else dt.datetime.now(dt.UTC),
            "rows_read": None,
            "rows_inserted": None,
            "rows_updated": None,
            "rows_unchanged": None,
            "rows_superseded": None,
            "rows_rejected": None,
        }
        begun = await self._records.write(lambda connection: repository.begin_again(connection, record, change))
        if begun:
            import_changed(record, change)
        return begun

    async def _ask_storage[**P, T](self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's result. Raises UnavailableError where Storage is away."""
        try:
            return await self.threads.run(call, *args, **kwargs)
        except AzureError as error:
            log.warning("Storage: %s", error)
            raise UnavailableError("Storage can't be reached; try again in a moment.", retry_after=5) from error

    async def _existing(self, import_id: str) -> Record:
        record = await self._records.read(lambda connection: repository.read_record(connection, import_id))
        if record is None:
            raise NotFoundError(f"There is no import {import_id}.")
        return record


def _sequence(cursor: str) -> int:
    (sequence,) = decode_cursor(cursor, _LIST)
    assert isinstance(sequence, int)
    return sequence


def _shown(record: Record) -> ImportRecord:
    return ImportRecord(
        import_id=record.import_id,
        blob_name=record.blob_name,
        kind=record.kind,
        status=record.status,
        message=record.message,
        rows_read=record.rows_read,
        rows_inserted=record.rows_inserted,
        rows_updated=record.rows_updated,
        rows_unchanged=record.rows_unchanged,
        rows_superseded=record.rows_superseded,
        rows_rejected=record.rows_rejected,
        rows_per_second=record.rows_per_second,
        progress=record.progress,
        seconds_left=record.seconds_left,
        steps=[Step(**step) for step in json.loads(record.steps)],
        run_id=record.run_id,
        uploaded_by=record.uploaded_by,
        received_at=record.received_at,
        # One that waits hasn't started, though a run may have been asked for.
        started_at=None if record.status == "received" else record.started_at,
        finished_at=record.finished_at,
    )
