"""The transactions that the cache's outbox runs, with the API's errors."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from shared.cache.errors import WriteOutcomeUnknownError
from shared.cache.outbox import Work
from shared.database.retry_policy import RetryPolicy
from shared.database.transactions import UNKNOWN_COMMIT, Transactions
from shared.http.problems import ConflictError, UnavailableError

_ONE_TRY = RetryPolicy(total=0)


class OutboxTransactions:
    """The catalog's transactions, for `shared.cache.outbox.Outbox`."""

    def __init__(self, store: Transactions) -> None:
        self._store = store

    async def read[T](self, work: Work[T]) -> T:
        """`work` in a read transaction. Raises UnavailableError."""
        return await self._store.read(work)

    async def write[T](self, work: Work[T], landed: Callable[[sa.Connection, T], bool] | None = None) -> T:
        """`work` in a transaction. Raises UnavailableError, and ConflictError for a key that is taken."""
        try:
            return await self._store.write(work, landed)
        except IntegrityError as error:
            # Another instance was faster between the check and the insert.
            raise ConflictError("Another request has just inserted the same; nothing was changed.") from error
        except WriteOutcomeUnknownError as error:
            raise UnavailableError(UNKNOWN_COMMIT) from error

    async def try_write(self, work: Work[None]) -> None:
        """`work` in a transaction that isn't retried. Raises UnavailableError and SQLAlchemy's errors."""
        await self._store.write(work, policy=_ONE_TRY)
