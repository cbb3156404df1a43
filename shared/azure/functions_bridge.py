"""Serves HTTP-triggered functions by an ASGI application.

Azure's own AsgiMiddleware parses each URL twice and reads all headers four times, also for an unused WSGI environment.
On a cached reply that costs more CPU than the cache itself (docs/benchmarks.md). `AsgiMiddleware` replaces that part.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from typing import TYPE_CHECKING, Any

import azure.functions as func

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class FunctionsBridge:
    """One ASGI application for any number of functions, loaded at the first invocation."""

    def __init__(self, create_app: Callable[[], ASGIApp]) -> None:
        """`create_app` imports and builds the application; it runs in a thread."""
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
        """Loads and starts the application once, also if the first invocations are concurrent."""
        async with self._starting:
            if self._middleware is None:
                # In a thread, because the imports take a quarter of a second.
                app = await asyncio.to_thread(self._create_app)
                middleware = AsgiMiddleware(app)
                await middleware.notify_startup()  # type: ignore[no-untyped-call]  # untyped library
                self._middleware = middleware
            return self._middleware


async def _refuse_path(req: func.HttpRequest) -> func.HttpResponse:
    """Replies to a path whose percent-encoding isn't UTF-8, which ASGI can't express."""
    from shared.http.middleware import HeadMiddleware, RequestIdMiddleware, send_problem

    async def refuse(scope: Scope, _receive: Receive, send: Send) -> None:
        await send_problem(scope, send, 400, "The path: expected percent-encoded UTF-8, got other bytes.")

    at_root = func.HttpRequest(req.method, "/", headers=req.headers, body=b"")
    return await AsgiMiddleware(RequestIdMiddleware(HeadMiddleware(refuse))).handle_async(at_root)


class AsgiMiddleware(func.AsgiMiddleware):
    """Azure's AsgiMiddleware with a cheaper conversion of request and reply."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)  # type: ignore[no-untyped-call]  # untyped library
        self._application = app

    async def handle_async(self, req: func.HttpRequest, context: func.Context | None = None) -> func.HttpResponse:  # noqa: ARG002  # the base's
        """Answers one request. Raises UnicodeDecodeError for a path whose percent-encoding isn't UTF-8."""
        exchange = _Exchange(req.get_body())
        await self._application(_scope(req, dict(self.state)), exchange.receive, exchange.send)
        return exchange.response()


def _scope(req: func.HttpRequest, state: dict[str, Any]) -> Scope:
    """https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope."""
    url: str = req.url
    target = url.partition("://")[2]
    path, _, query = target[target.find("/") :].partition("?") if "/" in target else ("/", "", "")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": req.method,
        "scheme": url.partition(":")[0],
        "path": urllib.parse.unquote(path, errors="strict") if "%" in path else path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in req.headers.items()],
        # Unknown, because the host is another process.
        "client": None,
        "server": None,
        "state": state,
    }


class _Exchange:
    """The `receive` and `send` of one request."""

    __slots__ = ("_body", "_complete", "_headers", "_parts", "_status")

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._complete = asyncio.Event()
        self._status = 500
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []

    async def receive(self) -> Message:
        """The request's body, and after the reply the disconnect."""
        if self._body is None:
            await self._complete.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Collects the parts of the reply, because a function replies at once."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = message["headers"]
        else:
            self._parts.append(message.get("body", b""))
            if not message.get("more_body"):
                self._complete.set()

    def response(self) -> func.HttpResponse:
        """The whole reply."""
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        mimetype = next((value.decode("latin-1") for name, value in self._headers if name == b"content-type"), None)
        response = func.HttpResponse(body, status_code=self._status, mimetype=mimetype)
        for name, value in self._headers:
            response.headers.add_header(name.decode("latin-1"), value.decode("latin-1"))
        return response
