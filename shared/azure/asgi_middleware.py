"""Azure's AsgiMiddleware, with a shorter way from a function's request to the application's and back.

Its own way parses each URL twice and goes through all headers four times, also for a WSGI environment that nobody asks
for. On a cached reply that is more CPU than the cache itself takes (docs/benchmarks.md).
"""

from __future__ import annotations

import asyncio
import urllib.parse
from typing import TYPE_CHECKING, Any

import azure.functions as func

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Scope


class AsgiMiddleware(func.AsgiMiddleware):
    """One ASGI 3 application behind HTTP-triggered functions."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)  # type: ignore[no-untyped-call]  # untyped library
        self._application = app

    async def handle_async(self, req: func.HttpRequest, context: func.Context | None = None) -> func.HttpResponse:  # noqa: ARG002  # the base's
        """Answers one request. Raises UnicodeDecodeError for a path whose percent-encoding isn't UTF-8."""
        reply = _Reply(req.get_body())
        await self._application(_scope(req, dict(self.state)), reply.receive, reply.send)
        return reply.as_response()


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
        # Neither is known: the host is another process.
        "client": None,
        "server": None,
        "state": state,
    }


class _Reply:
    """What the application sends, and the request's body as it receives it."""

    __slots__ = ("_body", "_complete", "_headers", "_parts", "_status")

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._complete = asyncio.Event()
        self._status = 500
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []

    async def receive(self) -> Message:
        """The body, and after the reply the client's leave."""
        if self._body is None:
            await self._complete.wait()
            return {"type": "http.disconnect"}
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """A part of the reply; a function's reply is one piece, so they are kept until the last."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = message["headers"]
        else:
            self._parts.append(message.get("body", b""))
            if not message.get("more_body"):
                self._complete.set()

    def as_response(self) -> func.HttpResponse:
        """The whole reply."""
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        mimetype = next((value.decode("latin-1") for name, value in self._headers if name == b"content-type"), None)
        response = func.HttpResponse(body, status_code=self._status, mimetype=mimetype)
        for name, value in self._headers:
            response.headers.add_header(name.decode("latin-1"), value.decode("latin-1"))
        return response
