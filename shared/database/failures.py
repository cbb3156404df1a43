"""What an error of the database means for the transaction that met it."""

from __future__ import annotations

import enum


class Failure(enum.Enum):
    """Kinds of failures; `RetryPolicy` decides by them, and so does the reply to the client."""

    VICTIM = "rolled back in favour of another transaction"
    LOST = "the connection broke"
    AWAY = "the database can't be reached at the moment"
    LOCKED = "another transaction held a lock beyond the limit"
    TOO_LONG = "a statement ran beyond the limit"
    OTHER = "no retry helps"


class RowChangedError(Exception):
    """A row has changed since this transaction read it. The transaction begins again, as after a deadlock."""


class CommitUnknownError(Exception):
    """The connection broke between the commit and its confirmation; `result` is what the transaction returned."""

    def __init__(self, result: object) -> None:
        super().__init__("no confirmation of the commit")
        self.result = result
