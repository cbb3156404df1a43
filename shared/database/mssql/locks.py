"""Application locks of SQL Server (sp_getapplock): one session at a time does what the lock's name says."""

from __future__ import annotations

import sqlalchemy as sa

SESSION_LOCK_SECONDS = 60
# The session owns the lock, because some work under it can't be in a transaction. A negative result means that the lock
# wasn't granted. NOCOUNT: the driver stops reading at a row count and misses the error behind it.
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
# Asked instead of the procedure's result: a server may send a message before a refusal, and the driver stops there.
_MODE = sa.text("SELECT APPLOCK_MODE(N'public', :resource, N'Transaction') AS lock_mode").bindparams(_RESOURCE)


def take_session_lock(connection: sa.Connection, resource: str) -> None:
    """Waits for a lock that lasts as long as the connection. Raises DBAPIError after SESSION_LOCK_SECONDS."""
    statement = _TAKE_FOR_SESSION.format(
        resource=resource, milliseconds=SESSION_LOCK_SECONDS * 1000, seconds=SESSION_LOCK_SECONDS
    )
    connection.exec_driver_sql(statement)


def take_transaction_lock(connection: sa.Connection, resource: str, milliseconds: int) -> bool:
    """Waits for a lock that lasts until the transaction ends. Returns False if another session holds it longer."""
    connection.execute(_TAKE_FOR_TRANSACTION, {"resource": resource, "milliseconds": milliseconds}).close()
    return bool(connection.execute(_MODE, {"resource": resource}).scalar_one() == "Exclusive")
