"""The steps of an import, from its record to its end.

    received ─▶ running ─▶ succeeded
       └▶ rejected └▶ failed | cancelled

Each step reads the current state (the record, the merge's outcome, the working copy, the run) and does the next thing.
So a process may die between any two steps, and the next one continues. Where two processes take the same step, the
record decides which of them did: it is changed only if it is still as it was read.

The end of an import is decided once, by the insert of its row in import_outcomes. The merge inserts it in its own
transaction; where a run ended without its merge, the workflow does. Whoever comes second finds the row, so a merge that
commits late can't contradict a record that says "cancelled".
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Sequence
from typing import Literal

from azure.core.exceptions import AzureError

from shared.cache.errors import CacheUnavailableError
from shared.cache.outbox import Outbox
from shared.database.database import Database
from shared.http.problems import UnavailableError
from shared.imports import progress, repository
from shared.imports.data_factory import DataFactoryClient, DataFactoryRejectedError, DataFactoryUnavailableError, Run
from shared.imports.events import import_changed
from shared.imports.header import COLUMNS
from shared.imports.records import Change, Outcome, Record
from shared.imports.schemas import Kind
from shared.imports.storage import BlobChangedError, WorkingCopies
from shared.telemetry import spans, work
from shared.telemetry.executor import ContextExecutor

log = logging.getLogger(__name__)

type EndStatus = Literal["failed", "cancelled"]

# After this time a run without a recorded id, or whose id the factory doesn't know, counts as lost.
_START_TIMEOUT = dt.timedelta(minutes=2)
# How long no run of a kind is requested after the factory refused one.
_BACKOFF_SECONDS = 1.0
# Error of the age of the outbox's oldest row.
_CLOCK_MARGIN = dt.timedelta(seconds=1)
# How Data Factory's error codes for a malformed CSV file begin ("Troubleshoot the delimited text format").
_UNREADABLE = "DelimitedText"

_WAITS_FOR_QUEUE = "Waiting for Data Factory, whose queue is full; the run is started as soon as there is room."
_WAITS_FOR_ANSWER = "Waiting for Data Factory, which doesn't answer; the run is started as soon as it does."
_COPY_FAILED = (
    "Storage failed to make the import's working copy of the blob; nothing was loaded. You can retry the import."
)
BLOB_CHANGED = {
    "deleted": "The blob was deleted before its import began; nothing was loaded.",
    "overwritten": "The blob was overwritten before its import began; the newer upload is an import of its own.",
}
_FILE_UNREADABLE = (
    "The file can't be read to its end: expected every quote to be closed and UTF-8 throughout, "
    "got a quote that is never closed or bytes that are not UTF-8; nothing was loaded."
)
_CANCELLED_EARLY = "Cancelled before it began; nothing was loaded."


class ImportWorkflow:
    """Takes the steps of imports."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        copies: WorkingCopies,
        factory: DataFactoryClient,
        executor: ContextExecutor,
    ) -> None:
        self._records = database.imports
        self._catalog = database.catalog
        self._outbox = outbox
        self._copies = copies
        self._factory = factory
        self._executor = executor
        self._backoff_until: dict[Kind, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def advance(self, import_id: str) -> None:
        """Takes all steps of an import that can be taken now. Concurrent calls for one import share its steps.

        Errors are logged; the next call continues.
        """
        task = self._tasks.get(import_id)
        if task is None:
            task = asyncio.create_task(self._advance_and_log(import_id))
            self._tasks[import_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(import_id))
        await asyncio.shield(task)

    async def close(self) -> None:
        """Waits for the steps that are being taken."""
        await asyncio.gather(*self._tasks.values())

    async def _advance_and_log(self, import_id: str) -> None:
        with work.on(import_id=import_id), spans.kept_span("advance_import"):
            try:
                await self._advance(import_id)
            except (AzureError, DataFactoryUnavailableError, UnavailableError) as error:
                log.warning("import %s continues later: %s", import_id, error)
            except Exception:
                # The boundary of an import: its error must not stop other imports.
                log.exception("import %s can't continue", import_id)

    async def _advance(self, import_id: str) -> None:
        record = await self._records.read(lambda connection: repository.read_record(connection, import_id))
        if record is None or record.is_finished:
            return
        with work.on(import_kind=record.kind, run_id=record.run_id):
            if await self._apply_outcome(record):
                return
            if record.status == "received":
                await self._copy_and_start(record)
            else:
                await self._follow_run(record)

    async def _copy_and_start(self, record: Record) -> None:
        """Received: makes the working copy, then starts the run."""
        if record.cancel_requested:
            await self._end(record, "cancelled", _CANCELLED_EARLY)
            return
        if record.message and self._backs_off(record.kind):
            return
        try:
            copy = await self._executor.run(self._copies.start, record.import_id, record.blob_name, record.etag)
        except BlobChangedError as error:
            await self._end(record, "cancelled", BLOB_CHANGED[error.change])
            return
        match copy.state:
            case "success":
                await self._start_run(record)
            case "failed":
                await self._end(record, "failed", _COPY_FAILED)
            case "pending":
                pass

    async def _start_run(self, record: Record) -> None:
        """Claims the record and requests a run, unless there is one already."""
        if record.kind is None or self._backs_off(record.kind):
            return
        if record.started_at:
            run_id = await self._executor.run(self._factory.find_run, record.kind, record.import_id, record.started_at)
            if run_id:
                await self._update(record, {"status": "running", "run_id": run_id, "message": None})
                return
        claim: Change = {"status": "running", "run_id": None, "started_at": dt.datetime.now(dt.UTC), "message": None}
        if await self._update(record, claim, repository.NOT_CANCELLED):
            await self._create_run(record.kind, record.model_copy(update=dict(claim)))

    def _backs_off(self, kind: Kind | None) -> bool:
        """Whether the factory has just refused a run of this kind."""
        return kind is not None and time.monotonic() < self._backoff_until.get(kind, 0.0)

    async def _create_run(self, kind: Kind, claimed: Record) -> None:
        """Requests the run of a claimed record and records its id."""
        try:
            run_id = await self._executor.run(
                self._factory.create_run, kind, claimed.import_id, _columns(kind, claimed)
            )
        except DataFactoryRejectedError as error:
            log.info("import %s waits: %s", claimed.import_id, error)
            self._backoff_until[kind] = time.monotonic() + _BACKOFF_SECONDS
            await self._update(claimed, {"status": "received", "started_at": None, "message": _WAITS_FOR_QUEUE})
        except DataFactoryUnavailableError as error:
            # The run may exist: `started_at` stays, so the next attempt searches for it.
            log.warning("import %s waits, Data Factory doesn't answer: %s", claimed.import_id, error)
            self._backoff_until[kind] = time.monotonic() + _BACKOFF_SECONDS
            await self._update(claimed, {"status": "received", "message": _WAITS_FOR_ANSWER})
        else:
            if await self._update(claimed, {"run_id": run_id}):
                with work.on(run_id=run_id):
                    log.info("import %s: its run is %s", claimed.import_id, run_id)
            else:
                # The request took so long that another process has requested a run.
                await self._executor.run(self._factory.cancel_run, run_id)

    async def _follow_run(self, record: Record) -> None:
        """Running without an outcome: records the run's progress or its end."""
        assert record.started_at
        run = None
        if record.run_id:
            run = await self._executor.run(self._factory.get_run, record.run_id, record.started_at)
        if run is None:
            # The process that requested the run died before it recorded the id, or the factory has lost the run.
            # A second run does no harm: only one merge of an import commits.
            if dt.datetime.now(dt.UTC) - record.started_at > _START_TIMEOUT:
                await self._update(record, {"status": "received", "run_id": None})
        elif run.was_throttled:
            again: Change = {"status": "received", "run_id": None, "started_at": None, "message": _WAITS_FOR_QUEUE}
            await self._update(record, again)
        elif run.has_ended:
            await self._end_without_merge(record, run)
        else:
            await self._update(record, progress.of_running(run, record))
            if record.cancel_requested and record.run_id:
                await self._executor.run(self._factory.cancel_run, record.run_id)

    async def _end_without_merge(self, record: Record, run: Run) -> None:
        if await self._apply_outcome(record):  # the merge has committed since the outcome was read
            return
        # The codes alone: Data Factory's messages may quote the file. They are in its own log.
        codes = [f"{each.name} ({each.error.partition(' ')[0] or 'no code'})" for each in run.failed_activities]
        log.warning(
            "import %s: run %s ended %s, failed activities: %s",
            record.import_id,
            record.run_id,
            run.status,
            ", ".join(codes) or "none",
        )
        status, message = _end_of(run, cancel_requested=record.cancel_requested)
        await self._end(record, status, message)

    async def _end(self, record: Record, status: EndStatus, message: str) -> None:
        """Ends an import of which nothing was loaded; if its merge has committed, the merge's outcome counts."""
        if record.started_at is None:  # no run, so no merge
            condition = (repository.CANCEL_REQUESTED,) if record.cancel_requested else ()
            await self._finish(record, {"status": status, "message": message}, *condition)
            return
        outcome = Outcome(
            import_id=record.import_id,
            blob_name=record.blob_name,
            sequence=record.sequence,
            status=status,
            message=message,
            merged_at=dt.datetime.now(dt.UTC),
        )
        await self._catalog.write(lambda connection: repository.insert_outcome(connection, outcome))
        await self._apply_outcome(record)

    async def _apply_outcome(self, record: Record) -> bool:
        """Copies the import's outcome to its record; False where there is no outcome yet.

        Waits until Redis has the invalidations of the merge, or is unavailable: then nothing stale is read from it.
        """
        outcome = await self._catalog.read(lambda connection: repository.read_outcome(connection, record.import_id))
        if outcome is None:
            return False
        if outcome.status == "succeeded" and not await self._is_invalidated(outcome):
            return True
        change: Change = {"status": outcome.status, "message": outcome.message, "counts": outcome.counts}
        if record.run_id and record.started_at and (run := await self._try_get_run(record.run_id, record.started_at)):
            change |= progress.of_ended(run, outcome.rows_read)
        if outcome.status == "succeeded":
            change["progress"] = 1.0
        await self._finish(record, change)
        return True

    async def _is_invalidated(self, outcome: Outcome) -> bool:
        """Whether Redis has the invalidations of this merge, or can't be reached."""
        try:
            await self._outbox.catch_up()
        except CacheUnavailableError as error:
            log.warning("import %s ends while Redis is unavailable: %s", outcome.import_id, error)
            return True
        # One call applies a bounded part of the outbox. What is left is younger than this merge if it is done.
        state = await self._outbox.state()
        oldest = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=state.oldest_seconds)
        return not state.length or oldest - _CLOCK_MARGIN > outcome.merged_at

    async def _try_get_run(self, run_id: str, since: dt.datetime) -> Run | None:
        """The run, or None where Data Factory doesn't answer: a finished import doesn't wait for its figures."""
        try:
            return await self._executor.run(self._factory.get_run, run_id, since)
        except DataFactoryUnavailableError as error:
            log.info("no figures of run %s: %s", run_id, error)
            return None

    async def _finish(self, record: Record, change: Change, *conditions: repository.Condition) -> None:
        """Changes the record for the last time and deletes the working copy."""
        # Looked up before: as soon as the record is finished, a retry may make another copy.
        copy = await self._executor.run(self._copies.find, record.import_id)
        change |= {"finished_at": dt.datetime.now(dt.UTC), "seconds_left": None}
        if await self._update(record, change, *conditions) and copy:
            await self._executor.run(self._copies.delete, record.import_id, copy)

    async def _update(self, seen: Record, change: Change, *conditions: repository.Condition) -> bool:
        changed = await self._records.write(
            lambda connection: repository.change_record(connection, seen, change, *conditions)
        )
        if changed:
            import_changed(seen, change)
        return changed


def _columns(kind: Kind, record: Record) -> Sequence[str]:
    """The known columns of the file; a record from before csv_columns is of a file with all columns of its kind."""
    return record.csv_columns.split(",") if record.csv_columns else COLUMNS[kind]


def _end_of(run: Run, *, cancel_requested: bool) -> tuple[EndStatus, str]:
    """The status and message of an import whose run ended without its merge."""
    if cancel_requested:
        return "cancelled", "Cancelled on request; nothing was loaded."
    if run.status == "Cancelled":
        return "cancelled", "The Data Factory run was cancelled; nothing was loaded."
    failed = run.failed_activities[-1] if run.failed_activities else None
    if failed and _UNREADABLE in failed.error:
        return "failed", _FILE_UNREADABLE
    step = f"in its step {failed.name}" if failed else "without a merge"
    return "failed", f"The run ended {step}; nothing was loaded. You can retry the import; the log has the reason."
