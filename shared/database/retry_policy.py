"""What of Azure SQL's errors passes by itself, and how long a retry waits.

The numbers are those that Microsoft's own client retries, and the waits what Microsoft asks for (five seconds, growing,
sixty at most: an earlier retry can overwhelm the service):

- https://learn.microsoft.com/dotnet/api/microsoft.data.sqlclient.sqlconfigurableretryfactory.baselinetransienterrors
- https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-connectivity-issues

**What may be retried.** A read, always. A write, as a whole and from its first statement, as long as its commit wasn't
sent: until then the server keeps nothing of it. Once it was, the write may be in the database without our having been
told: whether it is, the database is asked (`Store.write`), and only what isn't there is done again.
"""

from __future__ import annotations

import enum
import random
import re
from dataclasses import dataclass

# The transaction was rolled back for the sake of another: it may begin anew at once. 1204 no lock to be had, 1205 the
# victim of a deadlock, 3960 and 3961 a snapshot that the data or a table's definition has moved away from.
_VICTIM = frozenset({1204, 1205, 3960, 3961})
# The lock time limit: it has waited already, and isn't done again.
_LOCKED = frozenset({1222})
# The service moves the database, is busy, or wakes it up (40613: a serverless one that was paused).
_AWAY = frozenset(
    {233, 997, 4060, 4221, 10053, 10054, 10060, 10928, 10929, 40143, 40197, 40501, 40540, 40613, 42108, 42109}
    | {49918, 49919, 49920}
)
# SQLSTATEs of a connection that was lost, or can't be made: class 08, and the driver's own (IMC06: "broken and recovery
# is not possible"). HYT01 is the connection's time limit.
_LOST_STATES = re.compile(r"08...|IMC0.|HYT01")

# pyodbc appends the server's number to each message, to the first also the ODBC function: `… (1205) (SQLExecDirectW)`.
_NUMBER = re.compile(r"\((\d+)\) \(SQL\w+\)|\((\d+)\)(?=; \[|$)")
_WHILE_CONNECTING = "(SQLDriverConnect)"


class Failure(enum.Enum):
    """What an error of the database means for the transaction that met it."""

    VICTIM = "rolled back for another's sake"
    LOST = "the connection broke"
    AWAY = "the database can't be reached just now"
    LOCKED = "another transaction held a lock beyond the limit"
    TOO_LONG = "a statement ran beyond the limit"
    OTHER = "no retry would help"


class ChangedMeanwhileError(Exception):
    """A row isn't any more as this transaction has seen it: it begins anew, as a deadlock's victim does."""


def failure_of(error: BaseException | None) -> Failure:
    """What an error of pyodbc's means; its first argument is the SQLSTATE, its second what driver and server say."""
    state, message = (*map(str, error.args), "", "")[:2] if error else ("", "")
    numbers = {int(first or second) for first, second in _NUMBER.findall(message)}
    if state == "40001" or numbers & _VICTIM:
        return Failure.VICTIM
    if numbers & _LOCKED:
        return Failure.LOCKED
    if numbers & _AWAY:
        return Failure.AWAY
    if _LOST_STATES.fullmatch(state):
        return Failure.AWAY if _WHILE_CONNECTING in message else Failure.LOST
    if state == "HYT00":
        return Failure.AWAY if _WHILE_CONNECTING in message else Failure.TOO_LONG
    return Failure.OTHER


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a transaction waits before it begins anew, in seconds."""

    # A victim: somewhere between nothing and this, twice as much each time up to the limit: two won't meet again.
    victim: float = 0.02
    victim_limit: float = 0.5
    victim_times: int = 20
    # The database is away: this, twice as much each time up to the limit, and up to a fifth more.
    away: float = 5.0
    away_limit: float = 20.0
    # All tries and waits of one transaction.
    total: float = 60.0

    def before(self, failure: Failure, times: int) -> float | None:
        """The wait after a try failed so for the `times`-th time (1: the first); None where there is no further one."""
        if failure is Failure.VICTIM and times <= self.victim_times:
            return random.uniform(0, min(self.victim * 2.0**times, self.victim_limit))  # noqa: S311  # no secret
        if failure is Failure.LOST and times == 1:
            return 0.0  # a pooled connection may have been lost long ago: a fresh one is made at once
        if failure in {Failure.LOST, Failure.AWAY}:
            return min(self.away * 2.0 ** (times - 1), self.away_limit) * random.uniform(1, 1.2)  # noqa: S311
        return None
