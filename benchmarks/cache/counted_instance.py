"""An instance of the application that tells how often it asked SQL for products: `GET /queries`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import event
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.cache.instance import create as create_instance


def create() -> ASGIApp:
    """The API, in which everybody may write, and the count beside it."""
    app = create_instance()
    queries = 0

    @event.listens_for(sa.Engine, "before_cursor_execute")
    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal queries
        queries += statement.startswith("SELECT") and "FROM products" in statement

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/queries":
            body = str(queries).encode()
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
            )
            await send({"type": "http.response.body", "body": body})
        else:
            await app(scope, receive, send)

    return counted
