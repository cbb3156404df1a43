"""A lock of SQL Server that a session holds, so that of several who would change a database one does at a time."""

from __future__ import annotations

import sqlalchemy as sa

WAIT_SECONDS = 60
# The session's, since what is done under it may need to be outside of any transaction. A negative result is a lock that
# wasn't given. Without counts of rows, else the error may stand behind one, unread.
_TAKE = """
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


def take(connection: sa.Connection, resource: str) -> None:
    """Waits for the lock; it ends with the connection. Raises SQLAlchemy's DBAPIError where it isn't to be had."""
    statement = _TAKE.format(resource=resource, milliseconds=WAIT_SECONDS * 1000, seconds=WAIT_SECONDS)
    connection.exec_driver_sql(statement)
