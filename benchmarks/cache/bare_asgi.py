"""A server without a framework: it sends the bytes that Redis has, with one GET."""

from __future__ import annotations

import os

from redis.asyncio import Redis
from starlette.types import ASGIApp, Receive, Scope, Send


def create() -> ASGIApp:
    """The application. The Redis key of a page is its URL."""
    client = Redis.from_url(os.environ["REDIS_URL"])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  # ASGI's
        if scope["type"] != "http":
            return
        body = await client.get(scope["raw_path"] + b"?" + scope["query_string"])
        if body is None:
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
