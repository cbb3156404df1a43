"""Errors of SQL Server and its ODBC driver, by what they mean.

The numbers are those that Microsoft's own client retries:
https://learn.microsoft.com/dotnet/api/microsoft.data.sqlclient.sqlconfigurableretryfactory.baselinetransienterrors
"""

from __future__ import annotations

import re

from shared.database.retry_policy import Failure

# 1204: no lock is available; 1205: victim of a deadlock; 3960, 3961: the snapshot is outdated, or a table has changed.
_VICTIM = frozenset({1204, 1205, 3960, 3961})
_LOCK_TIMEOUT = frozenset({1222})
# The service moves the database, is busy, or resumes it (40613: a serverless database that was paused).
_AWAY = frozenset(
    {233, 997, 4060, 4221, 10053, 10054, 10060, 10928, 10929, 40143, 40197, 40501, 40540, 40613, 42108, 42109}
    | {49918, 49919, 49920}
)
# SQLSTATEs of a connection that was lost or can't be made: class 08 and the driver's own (IMC06: "broken and recovery
# is not possible"). HYT01 is the connection's time limit.
_LOST_STATES = re.compile(r"08...|IMC0.|HYT01")

# pyodbc appends the server's number to each message, and the ODBC function to the first: `… (1205) (SQLExecDirectW)`.
_NUMBER = re.compile(r"\((\d+)\) \(SQL\w+\)|\((\d+)\)(?=; \[|$)")
_WHILE_CONNECTING = "(SQLDriverConnect)"


def failure_of(error: BaseException | None) -> Failure:
    """Classifies an error of pyodbc's: its first argument is the SQLSTATE, its second the driver's message."""
    state, message = (*map(str, error.args), "", "")[:2] if error else ("", "")
    numbers = {int(first or second) for first, second in _NUMBER.findall(message)}
    if state == "40001" or numbers & _VICTIM:
        return Failure.VICTIM
    if numbers & _LOCK_TIMEOUT:
        return Failure.LOCKED
    if numbers & _AWAY:
        return Failure.AWAY
    if _LOST_STATES.fullmatch(state):
        return Failure.AWAY if _WHILE_CONNECTING in message else Failure.LOST
    if state == "HYT00":
        return Failure.AWAY if _WHILE_CONNECTING in message else Failure.TOO_LONG
    return Failure.OTHER
