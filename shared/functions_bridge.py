"""From an invocation of a function to the ASGI application and back, through Azure's own middleware."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import azure.functions as func

from shared.errors import PROBLEM_MEDIA_TYPE, problem_body

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from shared.api import Operation


class FunctionsBridge:
    """One ASGI application behind any number of HTTP-triggered functions."""

    def __init__(self, app: ASGIApp) -> None:
        self._middleware = func.AsgiMiddleware(app)  # type: ignore[no-untyped-call]  # untyped library
        self._started = False
        self._starting = asyncio.Lock()

    @staticmethod
    def methods_of(operation: Operation) -> list[str]:
        """The methods of an operation's function: HEAD wherever GET is."""
        methods = sorted(operation.methods)
        return [*methods, "HEAD"] if "GET" in methods else methods

    async def handle(self, req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        """Answers one request."""
        if not self._started:
            await self._start()
        try:
            return await self._middleware.handle_async(req, context)  # type: ignore[no-any-return]  # untyped library
        except UnicodeDecodeError:
            # AsgiMiddleware can't take a path whose percent-encoding isn't UTF-8.
            detail = "The path: expected percent-encoded UTF-8, got other bytes."
            return func.HttpResponse(problem_body(400, detail, "/"), status_code=400, mimetype=PROBLEM_MEDIA_TYPE)

    async def _start(self) -> None:
        """Runs the application's start once; the first invocations come together."""
        async with self._starting:
            if not self._started:
                await self._middleware.notify_startup()  # type: ignore[no-untyped-call]  # untyped library
                self._started = True
