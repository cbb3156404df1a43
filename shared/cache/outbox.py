"""Invalidation, written with the data: an outbox of stale tags in the same SQL transaction.

A write records its tags in the transaction that changes the rows, and applies them to Redis after the commit and
before its reply. What is left (a crash, Redis away, a merge of Data Factory) the drain applies. Applying twice does no
harm. An applied row is applied once more when it is 15 s old and only then deleted: a replica that was promoted
meanwhile may lack the first time (docs/architecture.md, "Cached responses").
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from shared.cache.redis_client import CacheUnavailableError
from shared.cache.store import CacheStore
from shared.cache.tables import cache_invalidations
from shared.database.database import Database
from shared.database.retry_policy import RetryPolicy
from shared.http.problems import UnavailableError
from shared.telemetry import metrics, spans, work

log = logging.getLogger(__name__)

_APPLY_AGAIN_AFTER = dt.timedelta(seconds=15)
# A row is there for at least _APPLY_AGAIN_AFTER; the rest is for clocks that differ.
_ROWS_ARE_KEPT = dt.timedelta(seconds=10)
# One merge writes some 1,300 rows; a run of the drain does at most this much and leaves the rest to the next.
# A statement names them all: SQL Server takes 2,100 parameters.
_ROWS_PER_BATCH = 2_000
_BATCHES_PER_DRAIN = 10
# Marking spares the drain some work: no reply waits for a second try.
_ONE_TRY = RetryPolicy(total=0)
# The name of the timer's function.
_DRAIN = "drain_invalidations"


@dataclass(frozen=True, slots=True)
class Recorded:
    """Tags that a transaction wrote to the outbox, with their rows' ids and time; applied after its commit."""

    tags: frozenset[str]
    ids: tuple[int, ...]
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How many tags wait to be applied, and how old the oldest of them is."""

    length: int
    oldest_seconds: float


class Outbox:
    """The outbox and its way to Redis."""

    def __init__(self, database: Database, cache: CacheStore) -> None:
        self._database = database
        self._cache = cache

    def record(self, connection: sa.Connection, tags: Iterable[str]) -> Recorded:
        """Writes the tags to the outbox, in the caller's transaction."""
        distinct = frozenset(tags)
        now = dt.datetime.now(dt.UTC)
        ids = tuple(
            connection.execute(
                sa.insert(cache_invalidations).returning(cache_invalidations.c.invalidation_id),
                [{"tag": tag, "created_at": now} for tag in sorted(distinct)],
            ).scalars()
            if distinct
            else ()
        )
        return Recorded(distinct, ids, now)

    def has_landed(self, connection: sa.Connection, recorded: Recorded) -> bool:
        """Whether the transaction that recorded these tags was committed: their rows say, with ids of their own.

        One that is still being committed is waited for. Raises UnavailableError where the rows may be gone by now.
        """
        if not recorded.ids:
            return True  # it changed nothing
        row = cache_invalidations.c
        found = (
            sa.select(sa.func.count())
            .select_from(cache_invalidations)
            .where(row.invalidation_id == recorded.ids[0], row.created_at == recorded.at)
            .with_hint(cache_invalidations, "WITH (READCOMMITTEDLOCK)", "mssql")
        )
        if connection.execute(found).scalar_one():
            return True
        if dt.datetime.now(dt.UTC) - recorded.at > _ROWS_ARE_KEPT:
            raise UnavailableError("Whether the change was saved isn't known; look before you try again.")
        return False

    async def apply(self, recorded: Recorded) -> None:
        """Tells Redis, after the commit; where it can't be told, the tags wait in the outbox for the drain."""
        if not recorded.ids:
            return
        try:
            await self._cache.invalidate(recorded.tags)
        except CacheUnavailableError as error:
            log.warning("%d stale tags wait in the outbox: %s", len(recorded.tags), error)
            return
        try:
            await self._database.catalog.write(functools.partial(_mark, ids=recorded.ids), policy=_ONE_TRY)
        except (UnavailableError, DBAPIError) as error:
            log.warning("%d applied tags are unmarked and will be applied again: %s", len(recorded.tags), error)

    async def drain(self) -> bool:
        """Applies what waits, then once more what was applied 15 s ago; bounded work.

        Gives whether nothing waits any more: False where Redis can't be told, or there was more than one run does.
        """
        with work.on(operation=_DRAIN), spans.span(_DRAIN):
            is_told = True
            try:
                await self.catch_up()
                await self._apply_again()
            except CacheUnavailableError as error:
                log.warning("The outbox waits for Redis: %s", error)
                is_told = False
            return (await self.state()).length == 0 and is_told

    async def state(self) -> OutboxState:
        """Length and age of what waits."""
        table = cache_invalidations.c
        statement = sa.select(sa.func.count(), sa.func.min(table.created_at)).where(table.applied_at.is_(None))
        row = await self._database.catalog.read(lambda connection: connection.execute(statement).one())
        length, oldest = row
        age = (dt.datetime.now(dt.UTC) - oldest).total_seconds() if oldest else 0.0
        state = OutboxState(length, max(0.0, age))
        metrics.OUTBOX_LENGTH.set(state.length)
        metrics.OUTBOX_AGE.set(state.oldest_seconds)
        return state

    async def catch_up(self) -> None:
        """Applies what waits, a bounded part of it. Raises CacheUnavailableError, also where some is left."""
        for _ in range(_BATCHES_PER_DRAIN):
            waiting = await self._rows(cache_invalidations.c.applied_at.is_(None))
            if not waiting:
                return
            await self._cache.invalidate_late(set(waiting.values()))
            await self._database.catalog.write(functools.partial(_mark, ids=tuple(waiting)))
        raise CacheUnavailableError("more tags wait than one run applies")

    async def _apply_again(self) -> None:
        for _ in range(_BATCHES_PER_DRAIN):
            settled = await self._rows(cache_invalidations.c.applied_at < dt.datetime.now(dt.UTC) - _APPLY_AGAIN_AFTER)
            if not settled:
                return
            await self._cache.invalidate_late(set(settled.values()))
            await self._database.catalog.write(functools.partial(_delete, ids=tuple(settled)))

    async def _rows(self, condition: sa.ColumnElement[bool]) -> dict[int, str]:
        table = cache_invalidations.c
        statement = (
            sa.select(table.invalidation_id, table.tag)
            .where(condition)
            .order_by(table.invalidation_id)
            .limit(_ROWS_PER_BATCH)
        )
        rows = await self._database.catalog.read(lambda connection: connection.execute(statement).all())
        return {row.invalidation_id: row.tag for row in rows}


def _mark(connection: sa.Connection, ids: tuple[int, ...]) -> None:
    table = cache_invalidations.c
    waiting = sa.update(cache_invalidations).where(table.invalidation_id.in_(ids), table.applied_at.is_(None))
    connection.execute(waiting.values(applied_at=dt.datetime.now(dt.UTC)))


def _delete(connection: sa.Connection, ids: tuple[int, ...]) -> None:
    connection.execute(sa.delete(cache_invalidations).where(cache_invalidations.c.invalidation_id.in_(ids)))
