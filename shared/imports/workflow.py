"""The steps of an import, from its record to its end.

    received ─▶ running ─▶ succeeded
       └▶ rejected └▶ failed | cancelled

Each step looks at what is there (the record, the merge's outcome, the working copy, the run) and does the next thing,
so a process may die between any two of them: whoever comes next goes on. Where two processes take the same step, the
record decides which of them did: it is changed only as it was seen.

An import's end is decided once, by its row in import_outcomes: the merge writes it in its own transaction, or, where no
merge came of a run, it is written here. Whoever comes second finds it, so a merge that commits late can't contradict
a record that says "cancelled".
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import logging
import time
from typing import Literal

from azure.core.exceptions import AzureError

from shared.cache.errors import CacheUnavailableError
from shared.cache.outbox import Outbox
from shared.database.database import Database
from shared.http.problems import UnavailableError
from shared.imports import progress, repository
from shared.imports.data_factory import DataFactoryClient, DataFactoryRejectedError, DataFactoryUnavailableError, Run
from shared.imports.events import import_changed
from shared.imports.records import Change, Outcome, Record
from shared.imports.schemas import Kind
from shared.imports.threads import Threads
from shared.imports.uploads import BlobMovedOnError
from shared.imports.working_copies import WorkingCopies
from shared.telemetry import spans, work

log = logging.getLogger(__name__)

# So long somebody who asked for a run may take to note its id; and the factory, to know it by that id.
_START_LASTS = dt.timedelta(minutes=2)
# A factory that refused a run isn't asked for another one at once.
_REFUSED_FOR_SECONDS = 1.0

# The age of the outbox's oldest row is known to less than this.
_CLOCK_MARGIN = dt.timedelta(seconds=1)

_WAITS_FOR_ROOM = (
    "Waiting for Data Factory, which takes no further run just now; it is started as soon as there is room."
)
_WAITS_FOR_ANSWER = "Waiting for Data Factory, which doesn't answer; the run is started as soon as it does."
_COPY_FAILED = "The import's own copy of the blob could not be made; nothing was loaded. It can be retried."
MOVED_ON = {
    "deleted": "The blob was deleted before its import began; nothing was loaded.",
    "overwritten": "The blob was overwritten before its import began; the newer upload is an import of its own.",
}
_CANCELLED = "Cancelled before it began; nothing was loaded."


class ImportWorkflow:
    """Takes whatever steps can be taken now."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        copies: WorkingCopies,
        factory: DataFactoryClient,
        threads: Threads,
    ) -> None:
        self._records = database.imports
        self._catalog = database.catalog
        self._outbox = outbox
        self._copies = copies
        self._factory = factory
        self._threads = threads
        self._refused_until: dict[Kind, float] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def take(self, import_id: str) -> None:
        """Brings an import on as far as it goes now; several who ask for it at once wait for the same steps.

        What stands in the way is told in the log: the next call goes on.
        """
        task = self._under_way.get(import_id)
        if task is None:
            task = asyncio.create_task(self._take_reporting(import_id))
            self._under_way[import_id] = task
            task.add_done_callback(lambda _: self._under_way.pop(import_id))
        await asyncio.shield(task)

    async def close(self) -> None:
        """Waits for what is under way."""
        await asyncio.gather(*self._under_way.values())

    async def _take_reporting(self, import_id: str) -> None:
        with work.on(import_id=import_id), spans.kept_span("bring_on_import"):
            await self._take_or_tell(import_id)

    async def _take_or_tell(self, import_id: str) -> None:
        try:
            await self._take(import_id)
        except (AzureError, DataFactoryUnavailableError, UnavailableError) as error:
            log.warning("import %s goes on later: %s", import_id, error)
        except Exception:
            # The boundary of an import's steps: one that can't go on must not keep the others from theirs.
            log.exception("import %s can't go on", import_id)

    async def _take(self, import_id: str) -> None:
        record = await self._records.read(lambda connection: repository.read_record(connection, import_id))
        if record is None or record.is_finished:
            return
        with work.on(import_kind=record.kind, run_id=record.run_id):
            if await self._settle(record):
                return
            if record.status == "received":
                await self._begin(record)
            else:
                await self._follow(record)

    async def _begin(self, record: Record) -> None:
        """Received: makes the working copy, then starts the run."""
        if record.cancel_requested:
            await self._end(record, "cancelled", _CANCELLED)
            return
        if record.message and self._refuses(record.kind):
            return  # it waits for the factory, which has refused another one just now
        try:
            copy = await self._threads.run(self._copies.make, record.import_id, record.blob_name, record.etag)
        except BlobMovedOnError as error:
            await self._end(record, "cancelled", MOVED_ON[error.became])
            return
        if copy is None or copy.state == "pending":
            return
        if copy.state == "failed":
            await self._end(record, "failed", _COPY_FAILED)
            return
        await self._start(record)

    async def _start(self, record: Record) -> None:
        """Starts the run, unless one was started before; only one process at a time does."""
        if record.kind is None or self._refuses(record.kind):
            return
        if record.started_at:
            run_id = await self._threads.run(self._factory.find, record.kind, record.import_id, record.started_at)
            if run_id:
                await self._change(record, {"status": "running", "run_id": run_id, "message": None})
                return
        claim: Change = {"status": "running", "run_id": None, "started_at": dt.datetime.now(dt.UTC), "message": None}
        if await self._change(record, claim, repository.NOT_CANCELLED):
            await self._ask_for_run(record.kind, dataclasses.replace(record, **claim))

    def _refuses(self, kind: Kind | None) -> bool:
        """Whether the factory has refused a run of this kind just now."""
        return kind is not None and time.monotonic() < self._refused_until.get(kind, 0.0)

    async def _ask_for_run(self, kind: Kind, claimed: Record) -> None:
        """Asks for a run, as the record says already, and notes its id."""
        try:
            run_id = await self._threads.run(self._factory.start, kind, claimed.import_id)
        except DataFactoryRejectedError as error:
            log.info("import %s waits: %s", claimed.import_id, error)
            self._refused_until[kind] = time.monotonic() + _REFUSED_FOR_SECONDS
            await self._change(claimed, {"status": "received", "started_at": None, "message": _WAITS_FOR_ROOM})
        except DataFactoryUnavailableError as error:
            # The run may have been started all the same: `started_at` says that there is one to look for.
            log.warning("import %s waits, Data Factory doesn't answer: %s", claimed.import_id, error)
            self._refused_until[kind] = time.monotonic() + _REFUSED_FOR_SECONDS
            await self._change(claimed, {"status": "received", "message": _WAITS_FOR_ANSWER})
        else:
            if await self._change(claimed, {"run_id": run_id}):
                with work.on(run_id=run_id):
                    log.info("import %s: its run is %s", claimed.import_id, run_id)
            else:
                # It took so long that another process asked for a run of its own.
                await self._threads.run(self._factory.cancel, run_id)

    async def _follow(self, record: Record) -> None:
        """Running, and no outcome yet: shows the run's progress, or its end."""
        assert record.started_at
        is_settled = dt.datetime.now(dt.UTC) - record.started_at > _START_LASTS
        run = None
        if record.run_id:
            run = await self._threads.run(self._factory.look_at, record.run_id, record.started_at)
        if run is None:
            # Who asked for the run died before its id was noted, or the factory has lost it. A second run does no harm:
            # the merge is done once.
            if is_settled:
                await self._change(record, {"status": "received", "run_id": None})
            return
        if run.never_began:
            change: Change = {"status": "received", "run_id": None, "started_at": None, "message": _WAITS_FOR_ROOM}
            await self._change(record, change)
        elif run.has_ended:
            await self._end_without_merge(record, run)
        else:
            await self._change(record, progress.of_run(run, record))
            if record.cancel_requested and record.run_id:
                await self._threads.run(self._factory.cancel, record.run_id)

    async def _end_without_merge(self, record: Record, run: Run) -> None:
        if await self._settle(record):  # it committed between the two looks
            return
        failed = progress.failed_steps(run)
        log.warning("import %s: run %s ended %s: %s", record.import_id, record.run_id, run.status, failed or "no step")
        end = progress.without_merge(run, record)
        await self._end(record, end.status, end.message)

    async def _end(self, record: Record, status: Literal["failed", "cancelled"], message: str) -> None:
        """Ends an import of which nothing was loaded; where its merge was faster, the merge's outcome counts."""
        if record.started_at is None:  # no run, so no merge either
            condition = (repository.CANCEL_REQUESTED,) if record.cancel_requested else ()
            await self._close(record, {"status": status, "message": message}, *condition)
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
        await self._settle(record)

    async def _settle(self, record: Record) -> bool:
        """Takes the import's outcome over into its record; False where it isn't decided.

        Not before Redis was told what it made stale, or can't be told: then nothing stale is read from it either.
        """
        outcome = await self._catalog.read(lambda connection: repository.read_outcome(connection, record.import_id))
        if outcome is None:
            return False
        if outcome.status == "succeeded" and not await self._redis_was_told(outcome):
            return True
        change = outcome.as_change()
        if record.run_id and record.started_at and (run := await self._seen(record.run_id, record.started_at)):
            change |= progress.of_merged(run, outcome.rows_read)
        if outcome.status == "succeeded":
            change["progress"] = 1.0
        await self._close(record, change)
        return True

    async def _redis_was_told(self, outcome: Outcome) -> bool:
        try:
            await self._outbox.catch_up()
        except CacheUnavailableError as error:
            log.warning("import %s ends without Redis having been told: %s", outcome.import_id, error)
            return True
        # One catch-up does a bounded part of the outbox: whether what this import wrote was in it, the oldest row says.
        state = await self._outbox.state()
        oldest = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=state.oldest_seconds)
        return not state.length or oldest - _CLOCK_MARGIN > outcome.merged_at

    async def _seen(self, run_id: str, since: dt.datetime) -> Run | None:
        """The run, where the factory can be asked: an import that has ended needn't wait for its figures."""
        try:
            return await self._threads.run(self._factory.look_at, run_id, since)
        except DataFactoryUnavailableError as error:
            log.info("no figures of run %s: %s", run_id, error)
            return None

    async def _close(self, record: Record, change: Change, *conditions: repository.Condition) -> None:
        """The record ends, and its working copy with it."""
        # Looked at first: a retry that begins as soon as the record has ended makes another copy.
        copy = await self._threads.run(self._copies.look_at, record.import_id)
        change |= {"finished_at": dt.datetime.now(dt.UTC), "seconds_left": None}
        if not await self._change(record, change, *conditions):
            return
        if copy:
            await self._threads.run(self._copies.drop, record.import_id, copy)

    async def _change(self, seen: Record, change: Change, *conditions: repository.Condition) -> bool:
        changed = await self._records.write(
            lambda connection: repository.change_record(connection, seen, change, *conditions)
        )
        if changed:
            import_changed(seen, change)
        return changed
