"""Builds the HTTP API: the FastAPI app of all endpoints, and the layers in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import http
import importlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, override

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

import shared.http.docs
from shared.cache.middleware import CacheHitMiddleware
from shared.http.middleware import BodyLimitMiddleware, ErrorBoundaryMiddleware, HeadMiddleware, RequestIdMiddleware
from shared.http.openapi import with_problems
from shared.http.problems import (
    PROBLEM_MEDIA_TYPE,
    FieldError,
    ProblemError,
    UnsupportedMediaTypeError,
    ValidationFailedError,
    problem_body,
)
from shared.http.strict_route import UNREADABLE_BODY
from shared.operations import OPERATIONS, PREFIX, Operation
from shared.services import Services
from shared.telemetry.start import seen

_ROUTERS: dict[str, APIRouter] = {
    room: importlib.import_module(f"shared.{room}.endpoints").router
    for room in dict.fromkeys(operation.room for operation in OPERATIONS)
}


class CatalogApi(FastAPI):
    """FastAPI, whose document names the errors too."""

    @override
    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = with_problems(super().openapi())
        return self.openapi_schema


def create_framework(services: Services) -> FastAPI:
    """The FastAPI app alone: what has operations and an OpenAPI document."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # The worker ends its event loop without a shutdown event: that is a stop like any other, not a failure.
        with contextlib.suppress(asyncio.CancelledError):
            yield
        await services.close()

    app = CatalogApi(
        title="Product catalog",
        version="1.0.0",
        description="Query and insert products; drop CSV files and follow their import. See docs/architecture.md.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        separate_input_output_schemas=False,
        lifespan=lifespan,
        # shared/telemetry has the request's span already, of hits too.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.services = services
    for router in _ROUTERS.values():
        app.include_router(router, prefix=PREFIX)
    app.include_router(shared.http.docs.router, prefix=PREFIX)
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_middleware(ErrorBoundaryMiddleware)
    return app


def in_front_of(framework: FastAPI, services: Services) -> ASGIApp:
    """The whole API: the framework with the layers in front of it, outermost last."""
    app: ASGIApp = BodyLimitMiddleware(framework)
    app = CacheHitMiddleware(app, lambda: services.cache)
    app = HeadMiddleware(app)
    app = RequestIdMiddleware(app)
    return seen(ErrorBoundaryMiddleware(app))


def create_app(services: Services) -> ASGIApp:
    """The whole API as one ASGI application."""
    return in_front_of(create_framework(services), services)


def operations() -> list[Operation]:
    """The API's operations, as the endpoints have them."""
    return [
        Operation(route.name, method, route.path, room)
        for room, router in _ROUTERS.items()
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    ]


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


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    unreadable: ProblemError | None = request.scope.get(UNREADABLE_BODY)
    if unreadable:
        return _reply(request, unreadable)
    if isinstance(error.body, bytes):
        came = request.headers.get("content-type") or "no Content-Type"
        return _reply(request, UnsupportedMediaTypeError(f"The body: expected application/json, got {came}."))
    return _reply(request, ValidationFailedError(*(_field_error(entry) for entry in error.errors())))


def _field_error(entry: dict[str, Any]) -> FieldError:
    """Pydantic's error in our words: where, what was expected, and what kind of value came (never the value)."""
    loc = [part if isinstance(part, int) else _printable(str(part)) for part in entry["loc"]]
    match entry["type"]:
        case "extra_forbidden":
            return {"loc": loc, "msg": "Unknown field; expected only those of the documentation"}
        case "missing":
            return {"loc": loc, "msg": "Required, but missing"}
        case "value_error" | "assertion_error":
            return {"loc": loc, "msg": f"{entry['ctx']['error']}, got {_kind(entry.get('input'))}"}
        case _:
            return {"loc": loc, "msg": f"{entry['msg']}, got {_kind(entry.get('input'))}"}


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"a text of {len(value)} character{'' if len(value) == 1 else 's'}"
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return "an object"
        case _:
            return "a number"


async def _refused(request: Request, error: Exception) -> Response:
    """What the framework's router refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    headers = dict(error.headers or {})
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = _allowed_methods(request)
        headers = {"allow": ", ".join(allowed)}
        detail = f"{request.url.path}: expected one of {', '.join(allowed)}, got {request.method}."
    elif error.status_code == http.HTTPStatus.NOT_FOUND:
        detail = f"There is nothing at {request.url.path}; {PREFIX}/docs lists what there is."
    problem = problem_body(error.status_code, detail, request.url.path)
    return Response(problem, status_code=error.status_code, headers=headers, media_type=PROBLEM_MEDIA_TYPE)


def _allowed_methods(request: Request) -> Sequence[str]:
    methods: set[str] = set()
    path = request.url.path.removeprefix(PREFIX)
    for router in (*_ROUTERS.values(), shared.http.docs.router):
        for route in router.routes:
            if isinstance(route, APIRoute) and route.path_regex.match(path):
                methods |= route.methods or set()
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))
