"""An instance for proofs: the API, its drain on a schedule, and a hand on its SQL.

`uvicorn --factory proofs.cache.instance:create`, with PROOF_DRAIN_SECONDS in the environment.

    /proof/sql/count      how many queries of products there were
    /proof/sql/requests   how many requests are under way
    /proof/sql/hold       from now on queries of products wait
    /proof/sql/release    until now: they go on
    /proof/sql/fail       until now: they fail as a disk would
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
import time

import sqlalchemy as sa
from sqlalchemy import event
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.api import create_framework, in_front_of
from shared.http.problems import UnavailableError
from shared.services import Services
from shared.settings import load_settings
from tests.guarding import let_everybody_in

log = logging.getLogger(__name__)

_PREFIX = "/proof/sql/"
_HELD_SECONDS = 60.0


class _Sql:
    """Counts and holds the queries of products."""

    def __init__(self) -> None:
        self.queries = 0
        self._may_go_on = threading.Event()
        self._may_go_on.set()
        self._fails = False
        event.listen(sa.Engine, "before_cursor_execute", self._before)

    def order(self, name: str) -> int:
        """Does what was ordered; gives the count."""
        match name:
            case "hold":
                self._fails = False
                self._may_go_on.clear()
            case "release" | "fail":
                self._fails = name == "fail"
                self._may_go_on.set()
        return self.queries

    def _before(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not (statement.startswith("SELECT") and "FROM products" in statement):
            return
        self.queries += 1
        held = not self._may_go_on.is_set()
        self._may_go_on.wait(_HELD_SECONDS)
        if held and self._fails:
            raise sa.exc.OperationalError(statement, {}, sqlite3.OperationalError("disk I/O error"))


class _Proof:
    """The API with its drain and the hand on its SQL."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        self._sql = _Sql()
        self._requests = 0
        self._drain_seconds = float(os.environ["PROOF_DRAIN_SECONDS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            draining = asyncio.create_task(self._drain())
            await self._app(scope, receive, send)
            draining.cancel()
        elif scope["type"] == "http" and scope["path"].startswith(_PREFIX):
            order = scope["path"].removeprefix(_PREFIX)
            body = str(self._requests if order == "requests" else self._sql.order(order)).encode()
            headers = [(b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        else:
            self._requests += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._requests -= 1

    async def _drain(self) -> None:
        """As the timer does: at fixed times, whatever the last run met."""
        while True:
            await asyncio.sleep(self._drain_seconds - time.time() % self._drain_seconds)
            try:
                await self._services.outbox.drain()
            except UnavailableError as error:
                log.warning("The drain goes on at its next time: %s", error)


def create() -> ASGIApp:
    """An instance with the settings of the environment; everybody may write."""
    services = Services(load_settings())
    framework = create_framework(services)
    let_everybody_in(framework)
    return _Proof(in_front_of(framework, services), services)
