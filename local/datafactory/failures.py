"""The errors that end a run or an activity, in the terms of Data Factory."""

from __future__ import annotations

from typing import Literal

type FailureType = Literal["UserError", "SystemError"]


class ActivityFailedError(Exception):
    """An activity failed. Its policy says how often it is retried."""

    def __init__(self, code: str, message: str, failure_type: FailureType = "UserError") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.failure_type: FailureType = failure_type

    def __reduce__(self) -> tuple[object, ...]:
        # Exception.__reduce__ omits the code, which a merge must send from its process.
        return type(self), (self.code, self.message, self.failure_type)


class InvalidDefinitionError(Exception):
    """The factory's JSON has something unknown or impossible, which the message names. The run fails."""


class StoppedError(Exception):
    """The activity was stopped by a cancel of its run, or by its timeout."""
