"""The one thing that identity needs SQL for: a lock that all instances share."""

from __future__ import annotations

import sqlalchemy as sa

from shared.errors import UnavailableError

_LOCK = sa.text(
    "DECLARE @result int; "
    "EXEC @result = sp_getapplock @Resource = 'identity:admins', @LockMode = 'Exclusive', "
    "@LockOwner = 'Transaction', @LockTimeout = 4000; "
    "SELECT @result"
)


def hold_admins(connection: sa.Connection) -> None:
    """Until the caller's transaction ends, nobody else takes an admin's role away.

    On SQLite a write transaction is that already. Raises UnavailableError where another held it too long.
    """
    if connection.dialect.name == "sqlite":
        return
    if connection.execute(_LOCK).scalar_one() < 0:
        raise UnavailableError("Another admin's role is being changed; try again in a moment.")
