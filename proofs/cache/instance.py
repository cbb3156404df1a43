"""An instance for proofs: the API, its drain on a schedule, and control over its SQL.

`uvicorn --factory proofs.cache.instance:create`, with PROOF_DRAIN_SECONDS in the environment.

    /proof/sql/count      the number of product queries
    /proof/sql/requests   the number of requests in progress
    /proof/sql/hold       product queries wait
    /proof/sql/release    product queries continue
    /proof/sql/fail       product queries that wait fail with a disk error
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

from shared.http.problems import UnavailableError
from shared.services import Services
from testkit.instance import open_api, services_of_environment

log = logging.getLogger(__name__)

_PREFIX = "/proof/sql/"
_HOLD_SECONDS = 60.0


class _ProductQueries:
    """Counts and holds the queries of products."""

    def __init__(self) -> None:
        self.count = 0
        self._released = threading.Event()
        self._released.set()
        self._fails = False
        event.listen(sa.Engine, "before_cursor_execute", self._before_execute)

    def control(self, command: str) -> int:
        """Executes a command, and returns the count."""
        match command:
            case "hold":
                self._fails = False
                self._released.clear()
            case "release" | "fail":
                self._fails = command == "fail"
                self._released.set()
        return self.count

    def _before_execute(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not (statement.startswith("SELECT") and "FROM products" in statement):
            return
        self.count += 1
        was_held = not self._released.is_set()
        self._released.wait(_HOLD_SECONDS)
        if was_held and self._fails:
            raise sa.exc.OperationalError(statement, {}, sqlite3.OperationalError("disk I/O error"))


class _ProofMiddleware:
    """Adds the drain and the control over SQL to the API."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        self._queries = _ProductQueries()
        self._requests = 0
        self._drain_seconds = float(os.environ["PROOF_DRAIN_SECONDS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            draining = asyncio.create_task(self._drain())
            await self._app(scope, receive, send)
            draining.cancel()
        elif scope["type"] == "http" and scope["path"].startswith(_PREFIX):
            command = scope["path"].removeprefix(_PREFIX)
            body = str(self._requests if command == "requests" else self._queries.control(command)).encode()
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
        """Drains at fixed times, as the timer does, even if the last run failed."""
        while True:
            await asyncio.sleep(self._drain_seconds - time.time() % self._drain_seconds)
            try:
                await self._services.outbox.drain()
            except UnavailableError as error:
                log.warning("The drain is tried again at its next time: %s", error)


def create() -> ASGIApp:
    """An instance with the settings of the environment, which treats every request as an administrator's."""
    services = services_of_environment()
    return _ProofMiddleware(open_api(services), services)
