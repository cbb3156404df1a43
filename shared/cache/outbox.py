"""Invalidation, written with the data: a write and the tags that it makes stale are one SQL transaction.

`Outbox.write` runs the write, adds its stale tags to the outbox table, commits, and invalidates the tags in Redis
before it returns. What is left (a crash, Redis away, a merge of Data Factory) the drain applies. Applying twice does no
harm. An applied row is applied once more when it is 15 s old and then deleted: a replica that was promoted meanwhile
may lack the first invalidation (docs/cache.md).
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from shared.cache.errors import CacheUnavailableError, WriteOutcomeUnknownError
from shared.cache.store import CacheStore
from shared.cache.telemetry import NO_TELEMETRY, CacheTelemetry

log = logging.getLogger(__name__)

_APPLY_AGAIN_AFTER = dt.timedelta(seconds=15)
# A row stays for at least _APPLY_AGAIN_AFTER; the rest is for clocks that differ.
_ROWS_ARE_KEPT = dt.timedelta(seconds=10)
# One merge writes some 1,300 rows. A drain applies at most this much and leaves the rest to the next.
# A statement names them all: SQL Server takes 2,100 parameters.
_ROWS_PER_BATCH = 2_000
_BATCHES_PER_DRAIN = 10

# SQLite numbers rows by INTEGER only.
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TAG = sa.String(64)
_TIME = sa.DateTime(timezone=True)

type Work[T] = Callable[[sa.Connection], T]
# A write's function: it gets the connection and the set to which it adds the tags that it makes stale.
type Write[T] = Callable[[sa.Connection, set[str]], T]


class Transactions(Protocol):
    """The SQL transactions that an application lends to the outbox; errors of the database are its own."""

    async def read[T](self, work: Work[T]) -> T:
        """`work` in a transaction that changes nothing."""

    async def write[T](self, work: Work[T], landed: Callable[[sa.Connection, T], bool] | None = None) -> T:
        """`work` in a transaction that is committed when it returns, and rolled back when it raises.

        Where the connection breaks during the commit, `landed` tells on another connection whether the transaction that
        gave this result was committed. One that wasn't may be run again. Without `landed` that is an error.
        """

    async def try_write(self, work: Work[None]) -> None:
        """`work` in a transaction that is not tried a second time."""


def outbox_table(
    metadata: sa.MetaData,
    row_id: TypeEngine[Any] = _ROW_ID,
    tag: TypeEngine[Any] = _TAG,
    time: TypeEngine[Any] = _TIME,
) -> sa.Table:
    """The outbox's table, `cache_invalidations`, in any metadata; the column types may be the application's own.

    `time` keeps times to the microsecond. A type that gives naive times is taken to give UTC.
    """
    return sa.Table(
        "cache_invalidations",
        metadata,
        sa.Column("invalidation_id", row_id, primary_key=True, autoincrement=True),
        sa.Column("tag", tag, nullable=False),
        sa.Column("created_at", time, nullable=False),
        # Null until Redis has been invalidated. A row is applied once more when it is 15 s old, then deleted.
        sa.Column("applied_at", time),
    )


@dataclass(frozen=True, slots=True)
class RecordedTags:
    """Tags that a transaction has written to the outbox, with their rows' ids and time."""

    tags: frozenset[str]
    ids: tuple[int, ...]
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How many invalidations wait, and how old the oldest of them is."""

    length: int
    oldest_seconds: float


class Outbox:
    """The outbox table and its way to Redis."""

    def __init__(
        self,
        transactions: Transactions,
        table: sa.Table,
        cache: CacheStore,
        telemetry: CacheTelemetry = NO_TELEMETRY,
    ) -> None:
        self._transactions = transactions
        self._table = table
        self._cache = cache
        self._telemetry = telemetry

    async def write[T](self, write: Write[T]) -> T:
        """Runs `write` in one transaction, then invalidates its stale tags: no later read shows the state before it.

        `write` may run more than once, each time with an empty set. Raises what it and the transactions raise, and
        WriteOutcomeUnknownError.
        """

        def recorded(connection: sa.Connection) -> tuple[T, RecordedTags]:
            stale: set[str] = set()
            result = write(connection, stale)
            return result, self.record(connection, stale)

        result, tags = await self._transactions.write(
            recorded, lambda connection, written: self.has_landed(connection, written[1])
        )
        await self.apply(tags)
        return result

    def record(self, connection: sa.Connection, tags: Iterable[str]) -> RecordedTags:
        """Writes the tags to the outbox, in the caller's transaction."""
        distinct = frozenset(tags)
        now = dt.datetime.now(dt.UTC)
        ids = tuple(
            connection.execute(
                sa.insert(self._table).returning(self._table.c.invalidation_id),
                [{"tag": tag, "created_at": now} for tag in sorted(distinct)],
            ).scalars()
            if distinct
            else ()
        )
        return RecordedTags(distinct, ids, now)

    def has_landed(self, connection: sa.Connection, recorded: RecordedTags) -> bool:
        """Whether the transaction that recorded these tags was committed: its rows, with ids of their own, tell.

        Waits for one that is still being committed. Raises WriteOutcomeUnknownError where the rows may be deleted.
        """
        if not recorded.ids:
            return True  # it changed nothing
        row = self._table.c
        found = (
            sa.select(sa.func.count())
            .select_from(self._table)
            .where(row.invalidation_id == recorded.ids[0], row.created_at == recorded.at)
            .with_hint(self._table, "WITH (READCOMMITTEDLOCK)", "mssql")
        )
        if connection.execute(found).scalar_one():
            return True
        if dt.datetime.now(dt.UTC) - recorded.at > _ROWS_ARE_KEPT:
            raise WriteOutcomeUnknownError("the outbox may have deleted the write's rows already")
        return False

    async def apply(self, recorded: RecordedTags) -> None:
        """Invalidates the tags after the commit. Where Redis can't be reached they wait for the drain."""
        if not recorded.ids:
            return
        try:
            await self._cache.invalidate(recorded.tags)
        except CacheUnavailableError as error:
            log.warning("%d stale tags wait in the outbox: %s", len(recorded.tags), error)
            return
        try:
            await self._transactions.try_write(functools.partial(self._mark, ids=recorded.ids))
        except Exception as error:  # noqa: BLE001  # marking only saves the drain work; the write itself has succeeded
            log.warning("%d applied tags are unmarked and will be applied again: %s", len(recorded.tags), error)

    async def drain(self) -> bool:
        """Applies what waits, then once more what was applied 15 s ago; bounded work.

        Returns whether nothing waits any more: False where Redis can't be reached or one run wasn't enough.
        """
        with self._telemetry.drain():
            reached = True
            try:
                await self.catch_up()
                await self._apply_again()
            except CacheUnavailableError as error:
                log.warning("The outbox waits for Redis: %s", error)
                reached = False
            return (await self.state()).length == 0 and reached

    async def state(self) -> OutboxState:
        """Length and age of what waits."""
        row = self._table.c
        statement = sa.select(sa.func.count(), sa.func.min(row.created_at)).where(row.applied_at.is_(None))
        length, oldest = await self._transactions.read(lambda connection: connection.execute(statement).one())
        if oldest and oldest.tzinfo is None:
            oldest = oldest.replace(tzinfo=dt.UTC)
        age = (dt.datetime.now(dt.UTC) - oldest).total_seconds() if oldest else 0.0
        state = OutboxState(length, max(0.0, age))
        self._telemetry.outbox_seen(state.length, state.oldest_seconds)
        return state

    async def catch_up(self) -> None:
        """Applies what waits, a bounded part of it. Raises CacheUnavailableError, also where some is left."""
        for _ in range(_BATCHES_PER_DRAIN):
            waiting = await self._rows(self._table.c.applied_at.is_(None))
            if not waiting:
                return
            await self._cache.invalidate_late(set(waiting.values()))
            await self._transactions.write(functools.partial(self._mark, ids=tuple(waiting)))
        raise CacheUnavailableError("more tags wait than one run applies")

    async def _apply_again(self) -> None:
        for _ in range(_BATCHES_PER_DRAIN):
            settled = await self._rows(self._table.c.applied_at < dt.datetime.now(dt.UTC) - _APPLY_AGAIN_AFTER)
            if not settled:
                return
            await self._cache.invalidate_late(set(settled.values()))
            await self._transactions.write(functools.partial(self._delete, ids=tuple(settled)))

    async def _rows(self, condition: sa.ColumnElement[bool]) -> dict[int, str]:
        row = self._table.c
        rows_in_order = sa.select(row.invalidation_id, row.tag).where(condition).order_by(row.invalidation_id)
        statement = rows_in_order.limit(_ROWS_PER_BATCH)
        rows = await self._transactions.read(lambda connection: connection.execute(statement).all())
        return {row.invalidation_id: row.tag for row in rows}

    def _mark(self, connection: sa.Connection, ids: tuple[int, ...]) -> None:
        row = self._table.c
        waiting = sa.update(self._table).where(row.invalidation_id.in_(ids), row.applied_at.is_(None))
        connection.execute(waiting.values(applied_at=dt.datetime.now(dt.UTC)))

    def _delete(self, connection: sa.Connection, ids: tuple[int, ...]) -> None:
        connection.execute(sa.delete(self._table).where(self._table.c.invalidation_id.in_(ids)))
