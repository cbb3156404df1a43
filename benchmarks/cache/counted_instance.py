"""An instance of the application that counts its SQL queries of products: `GET /queries`."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import event
from starlette.types import ASGIApp, Receive, Scope, Send

from testkit.instance import create_open


def create() -> ASGIApp:
    """The API, which treats every request as an administrator's, and the count."""
    app = create_open()
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
