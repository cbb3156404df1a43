"""The one thing that identity needs SQL for: a lock that all instances share."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database.mssql import locks
from shared.http.problems import UnavailableError

_WAIT_MILLISECONDS = 4_000


def hold_admins(connection: sa.Connection) -> None:
    """Until the caller's transaction ends, nobody else takes an admin's role away.

    On SQLite a write transaction is that already. Raises UnavailableError where another held it too long.
    """
    if connection.dialect.name == "sqlite":
        return
    if not locks.take_transaction_lock(connection, "identity:admins", _WAIT_MILLISECONDS):
        raise UnavailableError("Another admin's role is being changed; try again in a moment.")
