"""The API under uvicorn with telemetry on, and something that fails: what is posted of it."""

from __future__ import annotations

import sqlite3
from typing import Never

from sqlalchemy import event
from starlette.types import ASGIApp

from shared.api import create_app
from testkit.instance import services_of_environment


def create() -> ASGIApp:
    """For uvicorn: no product can be read, by a fault of the program."""
    services = services_of_environment()

    async def stumble(asin: str) -> Never:
        raise RuntimeError(f"nobody expected {asin[:1]}")

    services.catalog.get_product = stumble  # type: ignore[method-assign]  # the fault
    return create_app(services)


def create_on_a_busy_database() -> ASGIApp:
    """For uvicorn: the first look for a product is a deadlock's victim, as pyodbc tells it."""
    services = services_of_environment()
    fails = ["(1205) (SQLExecDirectW)"]

    def execute(_cursor: object, statement: str, _parameters: object, _context: object) -> None:
        if "FROM products" in statement and fails:
            raise sqlite3.OperationalError("40001", fails.pop())

    event.listen(services.database.catalog.engine, "do_execute", execute)
    return create_app(services)
