"""A lock in SQL that all instances share."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database.mssql import locks
from shared.http.problems import UnavailableError

_WAIT_MILLISECONDS = 4_000


def lock_admin_roles(connection: sa.Connection) -> None:
    """Takes the lock for changes of admins' roles, until the caller's transaction ends.

    On SQLite the write transaction is already such a lock. Raises UnavailableError after 4 s.
    """
    if connection.dialect.name == "sqlite":
        return
    if not locks.take_transaction_lock(connection, "identity:admins", _WAIT_MILLISECONDS):
        raise UnavailableError("Another admin's role is being changed. Try again in a moment.")
