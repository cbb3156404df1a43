"""uvicorn factories of the API with telemetry and with a fault."""

from __future__ import annotations

import sqlite3
from typing import Never

from sqlalchemy import event
from starlette.types import ASGIApp

from shared.api import create_app
from testkit.instance import services_of_environment


def create() -> ASGIApp:
    """Each read of a product raises an unexpected exception."""
    services = services_of_environment()

    async def stumble(asin: str) -> Never:
        raise RuntimeError(f"unexpected {asin[:1]}")

    services.catalog.get_product = stumble  # type: ignore[method-assign]  # the fault
    return create_app(services)


def create_on_a_busy_database() -> ASGIApp:
    """The first read of a product is a deadlock victim, as pyodbc reports it."""
    services = services_of_environment()
    fails = ["(1205) (SQLExecDirectW)"]

    def execute(_cursor: object, statement: str, _parameters: object, _context: object) -> None:
        if "FROM products" in statement and fails:
            raise sqlite3.OperationalError("40001", fails.pop())

    event.listen(services.database.catalog.engine, "do_execute", execute)
    return create_app(services)
