"""From a blob's event to an import's record. The same upload is received once, however often it is told of."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from shared.database.transactions import Transactions
from shared.imports import repository
from shared.imports.events import import_received
from shared.imports.header import Recognition, recognise
from shared.imports.records import NewRecord
from shared.imports.schemas import Status
from shared.imports.storage import UPLOADS
from shared.imports.threads import Threads
from shared.imports.uploads import BlobMovedOnError, UploadedBlob, Uploads, unquoted
from shared.imports.workflow import MOVED_ON, ImportWorkflow
from shared.telemetry import spans, work

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

log = logging.getLogger(__name__)

_POISONED = (
    "The function that begins imports failed five times for this blob; nothing was loaded. It can be retried; the log "
    "has the reason."
)


class _PoisonMessage(BaseModel):
    """A message of `webjobs-blobtrigger-poison` (azure-sdk-for-net: BlobTriggerMessage.cs)."""

    model_config = ConfigDict(hide_input_in_errors=True)  # a blob's name is its owner's words

    blob_name: str = Field(alias="BlobName")
    etag: str = Field(alias="ETag")


class ImportIntake:
    """Writes the records of uploads, and lets their imports begin."""

    def __init__(
        self, records: Transactions, uploads: Uploads, steps: ImportWorkflow, threads: Threads, max_reject_share: float
    ) -> None:
        self._records = records
        self._uploads = uploads
        self._steps = steps
        self._threads = threads
        self._max_reject_share = max_reject_share

    async def receive(self, upload: BlobClient) -> None:
        """A blob has landed: recognises it, writes its record, and takes the first steps."""
        blob = await self._threads.run(self._uploads.look_at, str(upload.blob_name))
        if blob:
            await self.receive_blob(blob)
        else:
            log.warning("a blob was deleted before it could be looked at: there is no import of it")

    async def receive_blob(self, blob: UploadedBlob) -> None:
        """As `receive`, for a blob that was looked at. A name that doesn't end in .csv is left alone."""
        import_id = import_id_of(blob.name, blob.etag)
        if not is_csv(blob.name) or await self._is_known(import_id):
            return
        with work.on(import_id=import_id), spans.kept_span("receive_blob"):
            await self._receive_new(blob, import_id)

    async def _receive_new(self, blob: UploadedBlob, import_id: str) -> None:
        status: Status
        try:
            recognition = recognise(await self._threads.run(self._uploads.head, blob), blob.size)
            status = "received" if recognition.kind else "rejected"
        except BlobMovedOnError as error:
            recognition, status = Recognition(None, MOVED_ON[error.became]), "cancelled"
        if await self._insert(blob.name, blob.etag, blob.size, status, recognition):
            await self._steps.take(import_id)

    async def record_poison(self, text: str) -> None:
        """The host gave up on a blob's event: its import is recorded as failed.

        One that has a record is left to reconcile. Raises pydantic's ValidationError for a text that is no such
        message: the host keeps it then.
        """
        message = _PoisonMessage.model_validate_json(text)
        if is_csv(message.blob_name):
            recognition = Recognition(None, _POISONED)
            await self._insert(message.blob_name, unquoted(message.etag), 0, "failed", recognition)

    async def _is_known(self, import_id: str) -> bool:
        return bool(await self._records.read(lambda connection: repository.known_imports(connection, [import_id])))

    async def _insert(self, name: str, etag: str, size: int, status: Status, recognition: Recognition) -> bool:
        """Writes a record; False where another delivery of the same event was faster."""
        now = dt.datetime.now(dt.UTC)
        new = NewRecord(
            import_id=import_id_of(name, etag),
            blob_name=name,
            etag=etag,
            size_bytes=size,
            kind=recognition.kind,
            status=status,
            message=recognition.message,
            max_reject_share=self._max_reject_share,
            received_at=now,
            finished_at=None if status == "received" else now,
        )
        inserted = await self._records.write(lambda connection: repository.insert_record(connection, new))
        if inserted:
            import_received(new)
        return inserted


def import_id_of(blob_name: str, etag: str) -> str:
    """The same for each delivery of one upload's event, another for each other upload."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{UPLOADS}/{blob_name}@{etag}"))


def is_csv(name: str) -> bool:
    """Whether a blob of this name is looked at, whatever its content."""
    return name.lower().endswith(".csv")
