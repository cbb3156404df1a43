"""The timer's work for imports: bounded, idempotent, and safe when two processes do it at the same time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from azure.core.exceptions import AzureError

from shared.database.transactions import Transactions
from shared.http.problems import UnavailableError
from shared.imports import repository
from shared.imports.cleanup import ImportCleanup
from shared.imports.data_factory import DataFactoryUnavailableError
from shared.imports.intake import ImportIntake
from shared.imports.workflow import ImportWorkflow
from shared.telemetry import spans, work

log = logging.getLogger(__name__)

# Unfinished imports per run, and how many of them concurrently.
_IMPORTS = 200
_CONCURRENCY = 4
# The name of the timer's function.
_RECONCILE = "reconcile_imports"


class Reconciliation:
    """Advances unfinished imports, receives blobs whose event was lost, and cleans up.

    It continues where its last run stopped. A new process starts from the beginning, which does no harm.
    """

    def __init__(
        self,
        records: Transactions,
        intake: ImportIntake,
        workflow: ImportWorkflow,
        cleanup: ImportCleanup,
    ) -> None:
        self.cleanup = cleanup
        self._records = records
        self._intake = intake
        self._workflow = workflow
        self._unfinished_after = 0

    async def run(self) -> None:
        """One run of the timer. The failure of a part doesn't stop the others."""
        with work.on(operation=_RECONCILE), spans.span(_RECONCILE):
            for part in (
                self.advance_unfinished,
                self._intake.receive_unannounced,
                self.cleanup.delete_leftover_copies,
                self.cleanup.delete_leftover_rows,
                self.cleanup.delete_old_rejects,
                self.cleanup.delete_old_logs,
            ):
                await _run_and_log(part)

    async def advance_unfinished(self) -> None:
        """Advances the next unfinished imports, oldest first; after the last of them starts again with the first."""
        unfinished = await self._records.read(
            lambda connection: repository.read_unfinished(connection, self._unfinished_after, _IMPORTS)
        )
        self._unfinished_after = unfinished[-1].sequence if len(unfinished) == _IMPORTS else 0
        slots = asyncio.Semaphore(_CONCURRENCY)

        async def advance(import_id: str) -> None:
            async with slots:
                await self._workflow.advance(import_id)

        await asyncio.gather(*(advance(record.import_id) for record in unfinished))


async def _run_and_log(part: Callable[[], Awaitable[None]]) -> None:
    try:
        await part()
    except (AzureError, DataFactoryUnavailableError, UnavailableError) as error:
        log.warning("reconcile, %s: %s", part.__name__, error)
    except Exception:
        # The boundary of a part: the next parts run all the same.
        log.exception("reconcile, %s", part.__name__)
