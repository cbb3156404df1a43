"""A lock of SQL Server that a transaction holds to its end, so that of several who would do one thing one does."""

from __future__ import annotations

import sqlalchemy as sa

_RESOURCE = sa.bindparam("resource", type_=sa.Unicode(255))
_TAKE = sa.text(
    "EXEC sp_getapplock @Resource = :resource, @LockMode = N'Exclusive', @LockOwner = N'Transaction', "
    "@LockTimeout = :milliseconds"
).bindparams(_RESOURCE)
# Not the procedure's result: a server may put a message in front of one that says no, and the driver stops there.
_MODE = sa.text("SELECT APPLOCK_MODE(N'public', :resource, N'Transaction') AS lock_mode").bindparams(_RESOURCE)


def take(connection: sa.Connection, resource: str, milliseconds: int) -> bool:
    """Waits so long for the lock; False where another holds it longer."""
    connection.execute(_TAKE, {"resource": resource, "milliseconds": milliseconds}).close()
    return bool(connection.execute(_MODE, {"resource": resource}).scalar_one() == "Exclusive")
