"""A CSV's way from blob to table, as a sequence of small steps that any process can take up where another left off.

    received ─▶ running ─▶ succeeded
       └▶ rejected └▶ failed | cancelled

Each step looks at what is there (the record, the working copy, the run, the merge's outcome) and does the next thing,
so a process may die between any two of them; `reconcile` goes on. Where two processes take the same step, the record's
state decides which of them did.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.cache.invalidation import Invalidations
from shared.cursor import decode_cursor, encode_cursor
from shared.database.engine import Database
from shared.errors import ConflictError, NotFoundError
from shared.imports import progress, repository
from shared.imports.blobs import UPLOADS, BlobMovedOnError, ImportBlobs, UploadedBlob
from shared.imports.factory import Factory, FactoryBusyError
from shared.imports.header import recognise
from shared.imports.rejects import rejects_csv
from shared.imports.repository import Record
from shared.imports.schemas import UNFINISHED, ImportPage, ImportQuery, ImportRecord, Upload
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

log = logging.getLogger(__name__)

_UPLOAD_LASTS = dt.timedelta(hours=1)
# A process that claimed a run and died before it noted the run's id: after this the claim is anybody's.
_CLAIM_LASTS = dt.timedelta(minutes=1)
_MOVED_ON = "The blob was overwritten or deleted before its import began; a newer upload is an import of its own."
_POISONED = "The function that begins imports failed five times for this blob; the log says why. Upload it again."


class ImportService:
    """Imports: begun by a blob's event, brought on by `reconcile`, shown and steered over HTTP."""

    def __init__(self, database: Database, invalidations: Invalidations, settings: Settings) -> None:
        self._records = database.imports
        self._catalog = database.catalog
        self._invalidations = invalidations
        self._max_reject_share = settings.import_max_reject_share
        self.blobs = ImportBlobs(settings)
        self._factory = Factory(settings)

    async def receive(self, upload: BlobClient) -> None:
        """A blob has landed: recognises it, writes its record, and takes the first steps."""
        blob = await asyncio.to_thread(self.blobs.look_at, str(upload.blob_name))
        if blob:
            await self.receive_blob(blob)

    async def receive_blob(self, blob: UploadedBlob) -> None:
        """As `receive`, for a blob that was looked at. A name that doesn't end in .csv is left alone."""
        if not blob.name.lower().endswith(".csv"):
            return
        import_id = import_id_of(blob.name, blob.etag)
        if await self._records.read(lambda connection: repository.read_record(connection, import_id)):
            return
        try:
            recognition = recognise(await asyncio.to_thread(self.blobs.head, blob), blob.size)
        except BlobMovedOnError:
            return  # the newer version has an event of its own
        now = dt.datetime.now(dt.UTC)
        outcome: dict[str, Any] = {"status": "received"}
        if recognition.kind is None:
            outcome = {"status": "rejected", "message": recognition.message, "finished_at": now, "progress": 1.0}
        values = {"kind": recognition.kind, "size_bytes": blob.size, **outcome}
        if await self._insert(import_id, blob.name, blob.etag, now, values):
            log.info("import %s (%s): %s", import_id, blob.name, outcome["status"])
            await self.advance(import_id)

    async def record_poison(self, text: str) -> None:
        """The host gave up on a blob's event: its import is recorded as failed, unless it goes on nevertheless."""
        message: Mapping[str, str] = json.loads(text)
        name, etag = message["BlobName"], message["ETag"].strip('"')
        import_id = import_id_of(name, etag)
        now = dt.datetime.now(dt.UTC)
        values = {"kind": None, "size_bytes": 0, "status": "failed", "message": _POISONED, "finished_at": now}
        if await self._insert(import_id, name, etag, now, values):
            log.error("import %s (%s): the blob's event was given up", import_id, name)

    async def advance(self, import_id: str) -> None:
        """Takes whatever steps of an import can be taken now."""
        record = await self._records.read(lambda connection: repository.read_record(connection, import_id))
        if record is None or record.status not in UNFINISHED:
            return
        if record.status == "received" and not await self._begin(record):
            return
        await self._follow(import_id)

    async def get(self, import_id: str) -> ImportRecord:
        """One import, as it is now. Raises NotFoundError."""
        await self.advance(import_id)
        return _shown(await self._existing(import_id))

    async def list_page(self, query: ImportQuery) -> ImportPage:
        """A page of imports, newest first. Raises BadRequestError for a cursor that isn't this list's."""
        before = decode_cursor(query.cursor, _LIST)[0] if query.cursor else None
        rows = await self._records.read(
            lambda connection: repository.read_records(
                connection, before if isinstance(before, int) else None, query.limit + 1
            )
        )
        page = rows[: query.limit]
        next_cursor = encode_cursor([page[-1].sequence], _LIST) if len(rows) > query.limit else None
        return ImportPage(items=[_shown(row) for row in page], next_cursor=next_cursor)

    async def create_upload(self, file_name: str, uid: str) -> Upload:
        """A URL for one file; the name of its blob leads from the import back to the user."""
        now = dt.datetime.now(dt.UTC)
        blob_name, expires_at = f"{uuid.uuid4()}/{file_name}", now + _UPLOAD_LASTS
        await self._records.write(lambda connection: repository.insert_upload(connection, blob_name, uid, now))
        url = await asyncio.to_thread(self.blobs.upload_url, blob_name, expires_at)
        return Upload(upload_url=url, blob_name=blob_name, expires_at=expires_at)

    async def cancel(self, import_id: str) -> ImportRecord:
        """Asks for the import's end: nothing of it is loaded, unless it is by now. Raises ConflictError when ended."""
        asked = await self._change(import_id, UNFINISHED, {"cancel_requested": True})
        record = await self._existing(import_id)
        if not asked:
            raise ConflictError(f"The import has ended already: {record.status}.")
        # The merge looks at the request itself, so an import whose run isn't known yet ends all the same.
        if record.run_id:
            await asyncio.to_thread(self._factory.cancel, record.run_id)
        await self.advance(import_id)
        return _shown(await self._existing(import_id))

    async def retry(self, import_id: str) -> ImportRecord:
        """Another try without another upload. Raises ConflictError where there is nothing to try again."""
        record = await self._existing(import_id)
        if record.status not in {"failed", "cancelled"}:
            raise ConflictError(f"Expected a failed or cancelled import, got one that is {record.status}.")
        blob = await asyncio.to_thread(self.blobs.look_at, record.blob_name)
        if blob is None or blob.etag != record.etag:
            raise ConflictError("The blob was overwritten or deleted since; upload the file again.")
        recognition = recognise(await asyncio.to_thread(self.blobs.head, blob), blob.size)
        if recognition.kind is None:
            raise ConflictError(str(recognition.message))
        if not await self._catalog.write(
            lambda connection: repository.drop_unsuccessful_outcome(connection, import_id)
        ):
            raise ConflictError("The import's merge has succeeded meanwhile; nothing is left to try.")
        await self._records.write(lambda connection: repository.drop_rejects(connection, import_id))
        await asyncio.to_thread(self.blobs.drop_logs, import_id)
        again = {"status": "received", "kind": recognition.kind, "size_bytes": blob.size, **_FROM_THE_START}
        await self._change(import_id, ["failed", "cancelled"], again)
        log.info("import %s (%s): tried again", import_id, record.blob_name)
        await self.advance(import_id)
        return _shown(await self._existing(import_id))

    async def rejects(self, import_id: str) -> str:
        """The rejected rows as CSV. Raises NotFoundError."""
        record = await self._existing(import_id)
        return await self._records.read(lambda connection: rejects_csv(connection, self.blobs, import_id, record.kind))

    async def _begin(self, record: Record) -> bool:
        """Received ─▶ running, where the working copy is done; gives whether it is running now."""
        if record.cancel_requested:
            await self._end(record, ["received"], {"status": "cancelled", "message": "Cancelled before it began."})
            return False
        try:
            state = await asyncio.to_thread(self.blobs.copy_state, record.import_id)
            if state in {"none", "failed"}:
                state = await asyncio.to_thread(self.blobs.start_copy, record.blob_name, record.etag, record.import_id)
        except BlobMovedOnError:
            await self._end(record, ["received"], {"status": "cancelled", "message": _MOVED_ON})
            return False
        if state != "success":
            return False
        now = dt.datetime.now(dt.UTC)
        if not await self._records.write(lambda connection: repository.claim_run(connection, record.import_id, now)):
            return True  # another process starts it
        try:
            run_id = await asyncio.to_thread(self._factory.start, record.kind, record.import_id)
        except FactoryBusyError as error:
            log.info("import %s waits for the factory: %s", record.import_id, error)
            await self._change(record.import_id, ["running"], {"status": "received", "started_at": None})
            return False
        await self._change(record.import_id, ["running"], {"run_id": run_id})
        log.info("import %s (%s): running as %s", record.import_id, record.blob_name, run_id)
        return True

    async def _follow(self, import_id: str) -> None:
        """Running ─▶ an end, where there is one; else its progress. The merge's own row is asked first."""
        record = await self._existing(import_id)
        if record.status != "running" or await self._settle(record):
            return
        if record.run_id is None:
            if dt.datetime.now(dt.UTC) - record.started_at > _CLAIM_LASTS:
                await self._change(import_id, ["running"], {"status": "received", "started_at": None})
            return
        try:
            run = await asyncio.to_thread(self._factory.run, record.run_id)
        except FactoryBusyError:
            return
        if run is None:
            # The factory has lost it, and the merge is done once at most: so it may be started again.
            await self._change(import_id, ["running"], {"status": "received", "run_id": None, "started_at": None})
            return
        await self._change(import_id, ["running"], progress.of_run(run, record, dt.datetime.now(dt.UTC)))
        if run.status not in progress.ENDED:
            return
        # The merge may have committed between the two looks.
        if await self._settle(record):
            return
        log.warning("import %s: run %s ended %s: %s", import_id, record.run_id, run.status, run.message)
        await self._end(record, ["running"], progress.end_without_merge(run))

    async def _settle(self, record: Record) -> bool:
        """Takes the merge's outcome over, once what it made stale is; False where no merge has committed."""
        outcome = await self._catalog.read(lambda connection: repository.read_outcome(connection, record.import_id))
        if outcome is None:
            return False
        if record.run_id:
            try:
                run = await asyncio.to_thread(self._factory.run, record.run_id)
            except FactoryBusyError:
                run = None
            if run:
                measured = progress.of_run(run, record, dt.datetime.now(dt.UTC))
                await self._change(record.import_id, ["running"], measured)
        # Where Redis can't be told, the import has ended all the same: the drain goes on trying.
        await self._invalidations.drain()
        counts = {name: getattr(outcome, name) for name in _COUNTS}
        await self._end(record, ["running"], {"status": outcome.status, "message": outcome.message, **counts})
        return True

    async def _end(self, record: Record, only_in: list[str], values: Mapping[str, Any]) -> None:
        now = dt.datetime.now(dt.UTC)
        ended = {"finished_at": now, "progress": 1.0, "seconds_left": None, **values}
        if await self._change(record.import_id, only_in, ended):
            log.info("import %s (%s): %s", record.import_id, record.blob_name, values["status"])
        await asyncio.to_thread(self.blobs.drop_copy, record.import_id)

    async def _insert(self, import_id: str, name: str, etag: str, now: dt.datetime, values: Mapping[str, Any]) -> bool:
        def insert(connection: sa.Connection) -> bool:
            uploader = repository.read_uploader(connection, name)
            record = {
                "import_id": import_id,
                "blob_name": name,
                "etag": etag,
                "max_reject_share": self._max_reject_share,
                "uploaded_by": uploader,
                "received_at": now,
            }
            return repository.insert_record(connection, record | dict(values))

        return await self._records.write(insert)

    async def _change(self, import_id: str, only_in: list[str] | tuple[str, ...], values: Mapping[str, Any]) -> bool:
        return await self._records.write(
            lambda connection: repository.update_record(connection, import_id, only_in, values)
        )

    async def _existing(self, import_id: str) -> Record:
        record = await self._records.read(lambda connection: repository.read_record(connection, import_id))
        if record is None:
            raise NotFoundError(f"There is no import {import_id}.")
        return record


_LIST = "imports"
_COUNTS = ("rows_read", "rows_inserted", "rows_updated", "rows_unchanged", "rows_superseded", "rows_rejected")
_FROM_THE_START: dict[str, Any] = {
    "message": None,
    "cancel_requested": False,
    "progress": 0.0,
    "rows_per_second": None,
    "seconds_left": None,
    "steps": "[]",
    "run_id": None,
    "started_at": None,
    "finished_at": None,
    **dict.fromkeys(_COUNTS),
}


def import_id_of(blob_name: str, etag: str) -> str:
    """The same for each delivery of one upload's event, another for each other upload."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{UPLOADS}/{blob_name}@{etag}"))


def _shown(record: Record) -> ImportRecord:
    values = dict(record._mapping)  # noqa: SLF001  # SQLAlchemy's public name
    return ImportRecord.model_validate(values | {"steps": json.loads(record.steps)})
