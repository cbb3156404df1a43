"""Rows as JSON. A product has the same bytes alone and in a page, cached or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json

from shared.catalog.declaration import declared
from shared.catalog.schemas import NewCategory
from shared.catalog.tables import products
from shared.database.types import Hundredths, UtcTime
from shared.http.fields import rfc3339

_DECIMALS = tuple(column.name for column in products.c if isinstance(column.type, Hundredths))
_TIMES = tuple(column.name for column in products.c if isinstance(column.type, UtcTime))
_CATEGORY = tuple((field.name, field.column) for field in declared(NewCategory))


def _product(row: sa.Row[Any]) -> dict[str, Any]:
    shown = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name
    for name in _DECIMALS:
        if shown[name] is not None:
            # At most ten significant digits: the float's shortest spelling is the decimal's own.
            shown[name] = float(shown[name])
    for name in _TIMES:
        shown[name] = rfc3339(shown[name])
    return shown


def _category(row: sa.Row[Any]) -> dict[str, Any]:
    return {**{name: getattr(row, column) for name, column in _CATEGORY}, "product_count": row.product_count}


def product(row: sa.Row[Any]) -> bytes:
    """A product."""
    return to_json(_product(row))


def product_page(rows: Sequence[sa.Row[Any]], next_cursor: str | None, total: int | None) -> bytes:
    """A page of a list."""
    return to_json({"items": [_product(row) for row in rows], "next_cursor": next_cursor, "total": total})


def category(row: sa.Row[Any]) -> bytes:
    """A category."""
    return to_json(_category(row))


def category_list(rows: Sequence[sa.Row[Any]]) -> bytes:
    """All categories."""
    return to_json({"items": [_category(row) for row in rows]})
