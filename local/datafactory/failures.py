"""Why a run or an activity ends other than well, in the terms of Data Factory's own errors."""

from __future__ import annotations

from typing import Literal

type FailureType = Literal["UserError", "SystemError"]


class ActivityFailedError(Exception):
    """An activity's end with an error; retried as its policy says."""

    def __init__(self, code: str, message: str, failure_type: FailureType = "UserError") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.failure_type: FailureType = failure_type

    def __reduce__(self) -> tuple[object, ...]:
        # Exception's own would leave the code out: a merge's failure comes from another process.
        return type(self), (self.code, self.message, self.failure_type)


class InvalidDefinitionError(Exception):
    """The factory's JSON says something that this engine doesn't know or that can't be: the run fails, by name."""


class StoppedError(Exception):
    """The activity was told to stop: a cancel of its run, or its timeout."""
