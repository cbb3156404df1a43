"""A driver in place of pyodbc that answers each statement with one plausible row, and records the statements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlglot
from sqlglot import exp

from tests.database import scripted_driver

_NOW = dt.datetime(2026, 11, 24, 8, 20, 32)  # noqa: DTZ001 - as the driver gives them
# Values by the end of the column's name. Any other column gets 1.
_LIKELY: dict[str, Any] = {
    "asin": "B000000001",
    "price": Decimal("9.99"),
    "stars": Decimal("4.50"),
    "_at": _NOW,
    "title": "A toy",
    "name": "Toys",
    "_url": None,
    "_id": "x",
    "category_id": 1,
    "invalidation_id": 1,
    "schema_name": "dbo",
    "lock_mode": "Exclusive",
    "kind": "products",
    "status": "running",
    "message": None,
    "steps": "[]",
    "etag": "x",
    "csv_columns": "asin",
    "_by": "x",
}


@dataclass(frozen=True)
class Told:
    """A statement with its parameters and their sizes. With `many`, `parameters` has several sets of them."""

    statement: str
    parameters: Sequence[Any]
    sizes: Sequence[Any]
    many: bool


class Cursor(scripted_driver.Cursor):
    _driver: RecordingDriver
    _sizes: Sequence[Any] = ()
    rowcount = 1
    fast_executemany = False

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        self._sizes = sizes

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        self._driver.told.append(Told(statement, parameters, self._sizes, many=False))
        answer = scripted_driver.answer_to(self._driver, statement)
        if answer is not None:
            self.description, self._rows = scripted_driver.Cursor.description, [(answer,)]
            return self
        names = _output(statement)
        self.description = [(name, None, None, None, None, None, True) for name in names] or None
        self._rows = [tuple(_likely(name) for name in names)] if names else []
        return self

    def executemany(self, statement: str, parameters: Sequence[Any]) -> None:
        self._driver.told.append(Told(statement, parameters, (), many=True))


class Connection(scripted_driver.Connection):
    _driver: RecordingDriver

    def cursor(self) -> Cursor:
        return Cursor(self._driver, self)


class RecordingDriver(scripted_driver.ScriptedDriver):
    Cursor = Cursor

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Told] = []

    def connect(self, *_arguments: Any, **_options: Any) -> Connection:
        return Connection(self)


def _output(statement: str) -> list[str]:
    """The names of the columns that a statement returns."""
    if statement.startswith(("SAVE TRANSACTION", "SET ")):  # sqlglot parses neither savepoints nor all options
        return []
    if "sp_getapplock" in statement:
        return []
    parsed = sqlglot.parse_one(statement, read="tsql")
    if isinstance(parsed, exp.Select):
        return parsed.named_selects
    returning = parsed.args.get("returning")
    return [column.name for column in returning.expressions] if returning else []


def _likely(name: str) -> Any:
    return next((value for end, value in reversed(_LIKELY.items()) if name.endswith(end)), 1)
