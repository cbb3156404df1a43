"""Domain errors, and how each becomes a reply in RFC 9457's `application/problem+json`.

Services raise these; `api.py` turns them into replies in one place. None carries a library's message.
"""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypedDict

import pydantic_core


class FieldError(TypedDict):
    """One field that failed validation: where it stands and what was expected there."""

    loc: Sequence[str | int]
    msg: str


class ProblemError(Exception):
    """An error that the client is told: `detail` is a sentence that says what was expected and what came."""

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
    """The request can't be read: not JSON, or a damaged or foreign cursor."""

    status = 400


class UnauthorizedError(ProblemError):
    """No token, or one that is not valid; the reply carries WWW-Authenticate."""

    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class ForbiddenError(ProblemError):
    """A valid token whose role doesn't allow this."""

    status = 403


class NotFoundError(ProblemError):
    """No such thing."""

    status = 404


class ConflictError(ProblemError):
    """The thing exists already, or its state doesn't allow this."""

    status = 409


class PreconditionFailedError(ProblemError):
    """If-Match names another version than the current one."""

    status = 412


class PayloadTooLargeError(ProblemError):
    """A body beyond the limit."""

    status = 413


class UnsupportedMediaTypeError(ProblemError):
    """A body that isn't declared as JSON."""

    status = 415


class ValidationFailedError(ProblemError):
    """A request whose form is right but whose content isn't, with the fields that are wrong."""

    status = 422

    def __init__(self, *errors: FieldError) -> None:
        detail = "; ".join(f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in errors)
        super().__init__(detail, errors=errors)


class TooManyRequestsError(ProblemError):
    """Throttled; `retry_after` is in seconds."""

    status = 429

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class NotSupportedError(ProblemError):
    """This deployment's engine lacks the part that the request needs."""

    status = 501


class UnavailableError(ProblemError):
    """A part that the reply needs is away or too slow; the client may try again after `retry_after` seconds."""

    status = 503

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


PROBLEM_MEDIA_TYPE = "application/problem+json"


def problem_body(status: int, detail: str, instance: str, errors: Sequence[FieldError] = ()) -> bytes:
    """The JSON of a problem: title from the status, `errors` only where there are some."""
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
