"""Builds the HTTP API: the FastAPI app of all endpoints, and the middleware in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator
from typing import Any, override

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

import shared.http.docs
from shared.cache.middleware import CacheHitMiddleware
from shared.http.error_handlers import add_error_handlers
from shared.http.middleware import BodyLimitMiddleware, ErrorBoundaryMiddleware, HeadMiddleware, RequestIdMiddleware
from shared.http.openapi import with_problems
from shared.operations import OPERATIONS, PREFIX, Operation
from shared.services import Services
from shared.telemetry.start import instrumented

_ROUTERS: dict[str, APIRouter] = {
    room: importlib.import_module(f"shared.{room}.endpoints").router
    for room in dict.fromkeys(operation.room for operation in OPERATIONS)
}


class CatalogApi(FastAPI):
    """FastAPI with the schemas of error replies in its OpenAPI document."""

    @override
    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = with_problems(super().openapi())
        return self.openapi_schema


def create_framework(services: Services) -> FastAPI:
    """The FastAPI app alone: it has the operations and the OpenAPI document."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # The worker ends its event loop without a shutdown event. That is a normal stop, not a failure.
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
        # TelemetryMiddleware makes the request's span, also for cache hits, which don't reach FastAPI.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.services = services
    for router in _ROUTERS.values():
        app.include_router(router, prefix=PREFIX)
    app.include_router(shared.http.docs.router, prefix=PREFIX)
    add_error_handlers(app)
    app.add_middleware(ErrorBoundaryMiddleware)
    return app


def in_front_of(framework: FastAPI, services: Services) -> ASGIApp:
    """The whole API: the framework with the middleware in front of it, outermost last."""
    app: ASGIApp = BodyLimitMiddleware(framework)
    app = CacheHitMiddleware(app, lambda: services.cache)
    app = HeadMiddleware(app)
    app = RequestIdMiddleware(app)
    return instrumented(ErrorBoundaryMiddleware(app))


def create_app(services: Services) -> ASGIApp:
    """The whole API as one ASGI application."""
    return in_front_of(create_framework(services), services)


def operations() -> list[Operation]:
    """The API's operations as the endpoints declare them."""
    return [
        Operation(route.name, method, route.path, room)
        for room, router in _ROUTERS.items()
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    ]
