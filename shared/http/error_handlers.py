"""Exception handlers of the FastAPI app: each error becomes a reply in `application/problem+json`."""

from __future__ import annotations

import http

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.exceptions import HTTPException
from starlette.responses import Response

from shared.http.problems import (
    PROBLEM_MEDIA_TYPE,
    ProblemError,
    UnsupportedMediaTypeError,
    ValidationFailedError,
    problem_body,
)
from shared.http.routes import allowed_methods
from shared.http.strict_route import UNREADABLE_BODY
from shared.http.validation import field_error
from shared.operations import PREFIX


def add_error_handlers(app: FastAPI) -> None:
    """Handles domain errors, requests that fail validation, and unknown paths and methods."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _validation_failed)
    app.add_exception_handler(HTTPException, _not_routed)


def _reply(request: Request, error: ProblemError) -> Response:
    return Response(
        problem_body(error.status, error.detail, request.url.path, error.errors),
        status_code=error.status,
        headers=error.headers,
        media_type=PROBLEM_MEDIA_TYPE,
    )


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return _reply(request, error)


async def _validation_failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    unreadable: ProblemError | None = request.scope.get(UNREADABLE_BODY)
    if unreadable:
        return _reply(request, unreadable)
    if isinstance(error.body, bytes):
        came = request.headers.get("content-type") or "no Content-Type"
        return _reply(request, UnsupportedMediaTypeError(f"The body: expected application/json, got {came}."))
    secret_fields = _secret_fields(request.scope["route"])
    return _reply(request, ValidationFailedError(*(field_error(entry, secret_fields) for entry in error.errors())))


def _secret_fields(route: APIRoute) -> frozenset[str]:
    """Fields of the operation's body whose values must not stand in a reply."""
    model = route.body_field.field_info.annotation if route.body_field else None
    fields = getattr(model, "model_fields", {})
    return frozenset(name for name, field in fields.items() if field.annotation is SecretStr)


async def _not_routed(request: Request, error: Exception) -> Response:
    """Replies to what the framework's router refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    detail, headers = str(error.detail), dict(error.headers or {})
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(allowed_methods(path))
        headers = {"allow": allowed}
        detail = f"{path}: expected one of {allowed}, got {request.method}."
    elif error.status_code == http.HTTPStatus.NOT_FOUND:
        detail = f"Nothing is at {path}; {PREFIX}/docs lists what there is."
    problem = problem_body(error.status_code, detail, path)
    return Response(problem, status_code=error.status_code, headers=headers, media_type=PROBLEM_MEDIA_TYPE)
