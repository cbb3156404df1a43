"""The cache's errors. The library raises no error of an application, and an application maps these to its own."""

from __future__ import annotations


class CacheUnavailableError(Exception):
    """Redis did not answer within the time limit, refused, or can't be reached."""


class ConnectionLostError(CacheUnavailableError):
    """The connection ended in the middle of the exchange. Redis may have carried out the commands or not."""


class CommandRefusedError(CacheUnavailableError):
    """Redis answered with an error; `code` is its first word (READONLY, OOM, WRONGTYPE, …)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message.partition(" ")[0]


class WriteOutcomeUnknownError(Exception):
    """A write's connection broke during its commit, and the outbox can't say any more whether the write was saved."""
