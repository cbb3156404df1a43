"""Application locks of SQL Server (sp_getapplock): of several sessions that would do one thing, one does at a time."""

from __future__ import annotations

import sqlalchemy as sa

SESSION_LOCK_SECONDS = 60
# The session's, since what is done under it may need to be outside of any transaction. A negative result is a lock that
# wasn't given. Without counts of rows, else the error may stand behind one, unread.
_TAKE_FOR_SESSION = """
SET NOCOUNT ON;
DECLARE @granted INT;
DECLARE @message NVARCHAR(200);
EXEC @granted = sp_getapplock
    @Resource = N'{resource}', @LockMode = N'Exclusive', @LockOwner = N'Session', @LockTimeout = {milliseconds};
IF @granted < 0
BEGIN
    SET @message = N'Another session has held the lock "{resource}" for {seconds} s.';
    THROW 50003, @message, 1;
END;
SET NOCOUNT OFF;
"""

_RESOURCE = sa.bindparam("resource", type_=sa.Unicode(255))
_TAKE_FOR_TRANSACTION = sa.text(
    "EXEC sp_getapplock @Resource = :resource, @LockMode = N'Exclusive', @LockOwner = N'Transaction', "
    "@LockTimeout = :milliseconds"
).bindparams(_RESOURCE)
# Not the procedure's result: a server may put a message in front of one that says no, and the driver stops there.
_MODE = sa.text("SELECT APPLOCK_MODE(N'public', :resource, N'Transaction') AS lock_mode").bindparams(_RESOURCE)


def take_session_lock(connection: sa.Connection, resource: str) -> None:
    """Waits for the lock; it ends with the connection. Raises SQLAlchemy's DBAPIError where it isn't to be had."""
    statement = _TAKE_FOR_SESSION.format(
        resource=resource, milliseconds=SESSION_LOCK_SECONDS * 1000, seconds=SESSION_LOCK_SECONDS
    )
    connection.exec_driver_sql(statement)


def take_transaction_lock(connection: sa.Connection, resource: str, milliseconds: int) -> bool:
    """Waits so long for the lock; False where another holds it longer."""
    connection.execute(_TAKE_FOR_TRANSACTION, {"resource": resource, "milliseconds": milliseconds}).close()
    return bool(connection.execute(_MODE, {"resource": resource}).scalar_one() == "Exclusive")
