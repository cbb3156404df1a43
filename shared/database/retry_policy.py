"""Which failed transactions begin again, and after how long.

A read may always be retried. A write may be retried as a whole as long as its commit wasn't sent, because the server
keeps nothing of it until then. After that the write may have been saved although no confirmation came: the database is
asked first (`Transactions.write`), and only what isn't there is written again.

The waits are those that Microsoft asks for: five seconds, growing, at most sixty, because an earlier retry can
overwhelm the service.
https://learn.microsoft.com/azure/azure-sql/database/troubleshoot-common-connectivity-issues
"""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass


class Failure(enum.Enum):
    """What an error of the database means for the transaction that met it."""

    VICTIM = "rolled back in favour of another transaction"
    LOST = "the connection broke"
    AWAY = "the database can't be reached at the moment"
    LOCKED = "another transaction held a lock beyond the limit"
    TOO_LONG = "a statement ran beyond the limit"
    OTHER = "no retry helps"


class RowChangedError(Exception):
    """A row has changed since this transaction read it. The transaction begins again, as after a deadlock."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits before a transaction begins again, in seconds."""

    # A deadlock's victim waits a random time up to this. The limit doubles with each try, so that two don't meet again.
    victim: float = 0.02
    victim_limit: float = 0.5
    victim_times: int = 20
    # While the database is away, the wait doubles with each try up to the limit, plus up to a fifth.
    away: float = 5.0
    away_limit: float = 20.0
    # All tries and waits of one transaction together.
    total: float = 60.0

    def wait_before_retry(self, failure: Failure, times: int) -> float | None:
        """The wait after the `times`-th failure of this kind (1: the first), or None where no retry follows."""
        if failure is Failure.VICTIM and times <= self.victim_times:
            return random.uniform(0, min(self.victim * 2.0**times, self.victim_limit))  # noqa: S311  # no secret
        if failure is Failure.LOST and times == 1:
            return 0.0  # a pooled connection may have been lost long ago; a new one is made at once
        if failure in {Failure.LOST, Failure.AWAY}:
            return min(self.away * 2.0 ** (times - 1), self.away_limit) * random.uniform(1, 1.2)  # noqa: S311
        return None
