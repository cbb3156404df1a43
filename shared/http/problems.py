"""Domain errors and their replies in RFC 9457's `application/problem+json`.

Services raise these errors; `error_handlers.py` turns them into replies. None contains a library's message.
"""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypedDict

import pydantic_core


class FieldError(TypedDict):
    """One field that failed validation: its place in the request, and `expected ..., got ...`."""

    loc: Sequence[str | int]
    msg: str


class ProblemError(Exception):
    """An error for the client: `detail` is a sentence that says what was expected and what came."""

    status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})


class BadRequestError(ProblemError):
    """The body isn't JSON, or the cursor is damaged or belongs to another list."""

    status = 400


class UnauthorizedError(ProblemError):
    """The token is missing or invalid; the reply has WWW-Authenticate."""

    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class ForbiddenError(ProblemError):
    """The token is valid, but its role doesn't allow this."""

    status = 403


class NotFoundError(ProblemError):
    """The resource doesn't exist."""

    status = 404


class ConflictError(ProblemError):
    """The resource exists already, or its state doesn't allow this."""

    status = 409


class PreconditionFailedError(ProblemError):
    """If-Match names a version that isn't the current one."""

    status = 412


class UnsupportedMediaTypeError(ProblemError):
    """The body isn't declared as JSON."""

    status = 415


class ValidationFailedError(ProblemError):
    """The request can be read, but some of its fields are wrong."""

    status = 422

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(map(_as_sentence, errors)), errors=errors)


class TooManyRequestsError(ProblemError):
    """The request is throttled; `retry_after` is in seconds."""

    status = 429

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class NotSupportedError(ProblemError):
    """This deployment's database lacks a feature that the request needs."""

    status = 501


class UnavailableError(ProblemError):
    """A service that the request needs is unavailable or too slow; try again after `retry_after` seconds."""

    status = 503

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


PROBLEM_MEDIA_TYPE = "application/problem+json"


def _as_sentence(error: FieldError) -> str:
    """`price: expected ..., got ...`: the field without the part of the request that it stands in."""
    field = error["loc"][1:] or error["loc"]
    return f"{'.'.join(map(str, field))}: {error['msg']}"


def problem_body(status: int, detail: str, instance: str, errors: Sequence[FieldError] = ()) -> bytes:
    """The JSON of a problem; the title is the phrase of the status."""
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    if errors:
        problem["errors"] = errors
    return pydantic_core.to_json(problem)
