"""Writes of many rows on Azure SQL: the rows are one parameter, a JSON text.

An array of parameters takes longer: pyodbc asks the server for the type of each, and all threads wait for the reply.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mssql

from shared.catalog.declaration import declared
from shared.catalog.schemas import NewProduct
from shared.catalog.tables import products
from shared.database.types import UtcTime

_ROWS = sa.bindparam("rows", type_=sa.UnicodeText())


def _json_column(column: sa.Column[Any]) -> str:
    """A column as OPENJSON declares it: without a collation, and with INT instead of its synonym INTEGER."""
    kind = column.type.compile(mssql.dialect()).partition(" COLLATE ")[0]  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
    return f"    {column.name} {kind.replace('INTEGER', 'INT')}"


_COLUMNS = [products.c[field.column] for field in declared(NewProduct)]
_NAMES = ", ".join(column.name for column in _COLUMNS)
_INSERT_PRODUCTS = sa.text(f"""
INSERT INTO products ({_NAMES}, created_at, updated_at)
SELECT {_NAMES}, :now, :now
FROM OPENJSON(:rows) WITH (
{",\n".join(map(_json_column, _COLUMNS))}
)
""").bindparams(_ROWS, sa.bindparam("now", type_=UtcTime()))  # noqa: S608  # the names are the table's
# FORCE ORDER takes the locks in the order of the text, so that two writers never wait for each other.
_ADD_TO_COUNTS = sa.text("""
UPDATE categories
SET product_count = categories.product_count + changed.change
FROM OPENJSON(:rows) WITH (category_id INT, change INT) AS changed
INNER JOIN categories ON categories.category_id = changed.category_id
OPTION (LOOP JOIN, FORCE ORDER)
""").bindparams(_ROWS)


def insert_products(connection: sa.Connection, new: Sequence[NewProduct], now: dt.datetime) -> None:
    """Inserts the products."""
    rows = json.dumps([item.model_dump() for item in new], default=str, ensure_ascii=False)
    connection.execute(_INSERT_PRODUCTS, {"rows": rows, "now": now})


def add_to_product_counts(connection: sa.Connection, changes: Mapping[int, int]) -> None:
    """Adds to the categories' counts, in the order given."""
    rows = json.dumps([{"category_id": key, "change": change} for key, change in changes.items()])
    connection.execute(_ADD_TO_COUNTS, {"rows": rows})
