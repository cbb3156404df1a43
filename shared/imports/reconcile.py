"""What the timer does for imports: bounded work, idempotent, right when two processes do it at once."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import logging

from shared.database.engine import Store
from shared.imports import repository
from shared.imports.blobs import ImportBlobs
from shared.imports.service import ImportService, import_id_of

log = logging.getLogger(__name__)

_IMPORTS_PER_RUN = 200
# A blob this old without a record: its event is taken for lost (Event Grid may give up).
_EVENT_LOST_AFTER = dt.timedelta(seconds=30)
_REJECTS_KEPT = dt.timedelta(days=90)
_CLEANED_PER_RUN = 20


class Reconciliation:
    """Brings every import to its end, finds blobs that nobody was told of, and cleans up."""

    def __init__(self, service: ImportService, blobs: ImportBlobs, records: Store) -> None:
        self._service = service
        self._blobs = blobs
        self._records = records
        self._after = 0
        self._continuation: str | None = None

    async def run(self) -> None:
        """One run."""
        await self._advance_unfinished()
        await self._receive_unannounced()
        await self._drop_leftover_copies()
        await self._drop_old_rejects()

    async def _advance_unfinished(self) -> None:
        """The next so many unfinished imports, oldest first; begins anew when it has been through."""
        unfinished = await self._records.read(
            lambda connection: repository.read_unfinished(connection, self._after, _IMPORTS_PER_RUN)
        )
        self._after = unfinished[-1].sequence if len(unfinished) == _IMPORTS_PER_RUN else 0
        for record in unfinished:
            await self._service.advance(record.import_id)

    async def _receive_unannounced(self) -> None:
        """One page of the container per run."""
        page, self._continuation = await asyncio.to_thread(self._blobs.uploads_page, self._continuation)
        settled = dt.datetime.now(dt.UTC) - _EVENT_LOST_AFTER
        blobs = {import_id_of(blob.name, blob.etag): blob for blob in page if blob.uploaded_at < settled}
        known = await self._records.read(lambda connection: repository.known_imports(connection, list(blobs)))
        for import_id, blob in blobs.items():
            if import_id not in known:
                await self._service.receive_blob(blob)

    async def _drop_leftover_copies(self) -> None:
        """Working copies of imports that have ended: a process died before it deleted them."""
        copies = await asyncio.to_thread(self._blobs.copies)
        finished = await self._records.read(lambda connection: repository.finished_imports(connection, copies))
        for import_id in finished:
            await asyncio.to_thread(self._blobs.drop_copy, import_id)

    async def _drop_old_rejects(self) -> None:
        before = dt.datetime.now(dt.UTC) - _REJECTS_KEPT
        old = await self._records.read(
            lambda connection: repository.imports_with_rejects_before(connection, before, _CLEANED_PER_RUN)
        )
        for import_id in old:
            await asyncio.to_thread(self._blobs.drop_logs, import_id)
            await self._records.write(functools.partial(repository.drop_rejects, import_id=import_id))
