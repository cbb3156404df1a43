"""Staging rows on Azure SQL that a run has left: its merge never came, or ended before it had taken them away.

A merge takes away the rows of its run. Of a run that is cancelled, fails or is killed before that, the timer does, as
soon as Data Factory says that the run has ended: then no merge of it begins any more. A merge that still runs, though
Data Factory has given it up, keeps its rows by a lock until it has ended itself.

The staging tables are in the order in which rows came, and a pipeline makes one run at a time: what is left stands in
front of the rows of a run that is under way, so a look at the first row is enough.
"""

from __future__ import annotations

import logging

from shared.database.transactions import Transactions
from shared.imports import repository
from shared.imports.data_factory import DataFactoryClient
from shared.imports.schemas import Kind
from shared.imports.threads import Threads

log = logging.getLogger(__name__)

KINDS: tuple[Kind, ...] = ("products", "categories")
# Fewer than the locks (5,000) at which SQL Server takes the whole table, where a Copy may be writing.
_ROWS = 2_000
# Per call and kind.
_PARTS = 100


class Staging:
    """The staging tables. On SQLite there are none: each run has a file of its own, which ends with it."""

    def __init__(self, records: Transactions, factory: DataFactoryClient, threads: Threads) -> None:
        self._records = records
        self._factory = factory
        self._threads = threads

    async def drop_leftovers(self, kind: Kind) -> None:
        """A bounded part of the rows of ended runs. Raises DataFactoryUnavailableError."""
        if self._records.engine.dialect.name == "sqlite":
            return
        ended: set[str] = set()
        for _ in range(_PARTS):
            first = await self._records.read(lambda connection: repository.first_staged(connection, kind))
            if first is None:
                return
            if first.run_id not in ended:
                if not await self._has_ended(first.run_id):
                    return
                log.info("run %s has left staging rows: they are taken away", first.run_id)
                ended.add(first.run_id)
            dropped = await self._records.write(
                lambda connection, first=first: repository.drop_staged(connection, kind, first, _ROWS)  # type: ignore[misc]  # bound here
            )
            if not dropped:
                return

    async def _has_ended(self, run_id: str) -> bool:
        has_ended = await self._threads.run(self._factory.has_ended, run_id)
        if has_ended is None:
            # Data Factory forgets runs after weeks, and may know one only a moment after it has begun.
            return not await self._records.read(lambda connection: repository.may_be_under_way(connection, run_id))
        return has_ended
