"""From an invocation of a function to the ASGI application and back, through Azure's own middleware."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import azure.functions as func

from shared.azure.asgi_middleware import AsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send


class FunctionsBridge:
    """One ASGI application behind any number of HTTP-triggered functions, loaded when the first of them is called."""

    def __init__(self, create_app: Callable[[], ASGIApp]) -> None:
        """`create_app` loads and builds the application; it runs in a thread, at the first invocation."""
        self._create_app = create_app
        self._middleware: AsgiMiddleware | None = None
        self._starting = asyncio.Lock()

    async def handle(self, req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        """Answers one request."""
        middleware = self._middleware or await self._start()
        try:
            return await middleware.handle_async(req, context)
        except UnicodeDecodeError:
            return await _refuse_path(req)

    async def _start(self) -> AsgiMiddleware:
        """Loads the application and runs its start once; the first invocations come together."""
        async with self._starting:
            if self._middleware is None:
                # In a thread: what else this process does needn't wait for a quarter of a second of imports.
                app = await asyncio.to_thread(self._create_app)
                middleware = AsgiMiddleware(app)
                await middleware.notify_startup()  # type: ignore[no-untyped-call]  # untyped library
                self._middleware = middleware
            return self._middleware


async def _refuse_path(req: func.HttpRequest) -> func.HttpResponse:
    """To a path whose percent-encoding isn't UTF-8, which ASGI can't express."""
    from shared.http.middleware import HeadMiddleware, RequestIdMiddleware, send_problem

    async def refuse(scope: Scope, _receive: Receive, send: Send) -> None:
        await send_problem(scope, send, 400, "The path: expected percent-encoded UTF-8, got other bytes.")

    at_root = func.HttpRequest(req.method, "/", headers=req.headers, body=b"")
    return await AsgiMiddleware(RequestIdMiddleware(HeadMiddleware(refuse))).handle_async(at_root)
