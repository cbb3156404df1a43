"""Receives uploads: each becomes an import's record once, however often its event is delivered."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from shared.database.transactions import Transactions
from shared.imports import repository
from shared.imports.events import import_received
from shared.imports.header import Detection, detect_kind
from shared.imports.records import NewRecord
from shared.imports.schemas import Status
from shared.imports.storage import UPLOADS, BlobChangedError, UploadedBlob, Uploads, unquoted
from shared.imports.workflow import BLOB_CHANGED, ImportWorkflow
from shared.settings import Settings
from shared.telemetry import spans, work
from shared.telemetry.executor import ContextExecutor

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

log = logging.getLogger(__name__)

_POISONED = (
    "The function that starts imports failed five times for this blob; nothing was loaded. You can retry the import; "
    "the log has the reason."
)


class _PoisonMessage(BaseModel):
    """A message of `webjobs-blobtrigger-poison` (azure-sdk-for-net: BlobTriggerMessage.cs)."""

    model_config = ConfigDict(hide_input_in_errors=True)  # a blob's name is the user's data

    blob_name: str = Field(alias="BlobName")
    etag: str = Field(alias="ETag")


class ImportIntake:
    """Inserts the records of uploads and starts their imports."""

    def __init__(
        self,
        records: Transactions,
        uploads: Uploads,
        workflow: ImportWorkflow,
        executor: ContextExecutor,
        settings: Settings,
    ) -> None:
        self._records = records
        self._uploads = uploads
        self._workflow = workflow
        self._executor = executor
        self._max_reject_share = settings.import_max_reject_share
        self._event_lost_after = dt.timedelta(seconds=settings.import_event_lost_seconds)
        self._continuation: str | None = None

    async def receive(self, upload: BlobClient) -> None:
        """Handles a blob's event: detects the kind of the file, inserts the record and starts the import."""
        blob = await self._executor.run(self._uploads.find, str(upload.blob_name))
        if blob:
            await self._receive([blob])
        else:
            log.warning("a blob was deleted before its event arrived: there is no import of it")

    async def receive_unannounced(self) -> None:
        """Receives uploads that have been there for a while without a record: their events were lost.

        Each call looks at the next page of the uploads, and after the last page at the first one.
        """
        page, self._continuation = await self._executor.run(self._uploads.list_page, self._continuation)
        uploaded_before = dt.datetime.now(dt.UTC) - self._event_lost_after
        # Oldest first, in the order of the events.
        oldest_first = sorted(page, key=lambda blob: blob.uploaded_at)
        late = await self._receive([blob for blob in oldest_first if blob.uploaded_at <= uploaded_before])
        for import_id in late:
            log.warning("import %s was received late: the event of its blob was lost", import_id)

    async def record_poison(self, text: str) -> None:
        """Records the import of a blob's event that the host gave up on as failed; does nothing if it has a record.

        Raises pydantic's ValidationError for a text that isn't such a message, so that the host keeps it.
        """
        message = _PoisonMessage.model_validate_json(text)
        if _is_csv(message.blob_name):
            detection = Detection(message=_POISONED)
            await self._insert(message.blob_name, unquoted(message.etag), 0, "failed", detection)

    async def _receive(self, uploads: Iterable[UploadedBlob]) -> Sequence[str]:
        """Receives the uploads that have no record, and returns their import ids.

        Ignores names that don't end in .csv.
        """
        blobs = {import_id_of(blob.name, blob.etag): blob for blob in uploads if _is_csv(blob.name)}
        known = await self._records.read(lambda connection: repository.known_imports(connection, blobs))
        new = [import_id for import_id in blobs if import_id not in known]
        for import_id in new:
            with work.on(import_id=import_id), spans.kept_span("receive_blob"):
                await self._receive_new(blobs[import_id], import_id)
        return new

    async def _receive_new(self, blob: UploadedBlob, import_id: str) -> None:
        status: Status
        try:
            detection = detect_kind(await self._executor.run(self._uploads.read_head, blob), blob.size)
            status = "received" if detection.kind else "rejected"
        except BlobChangedError as error:
            detection, status = Detection(message=BLOB_CHANGED[error.change]), "cancelled"
        if await self._insert(blob.name, blob.etag, blob.size, status, detection):
            await self._workflow.advance(import_id)

    async def _insert(self, name: str, etag: str, size: int, status: Status, detection: Detection) -> bool:
        """Inserts a record; False where another delivery of the same event has inserted it."""
        now = dt.datetime.now(dt.UTC)
        new = NewRecord(
            import_id=import_id_of(name, etag),
            blob_name=name,
            etag=etag,
            size_bytes=size,
            kind=detection.kind,
            csv_columns=detection.csv_columns,
            status=status,
            message=detection.message,
            max_reject_share=self._max_reject_share,
            received_at=now,
            finished_at=None if status == "received" else now,
        )
        inserted = await self._records.write(lambda connection: repository.insert_record(connection, new))
        if inserted:
            import_received(new)
        return inserted


def import_id_of(blob_name: str, etag: str) -> str:
    """The import's id: the same for each event of one upload, another one for each other upload."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{UPLOADS}/{blob_name}@{etag}"))


def _is_csv(name: str) -> bool:
    return name.lower().endswith(".csv")
