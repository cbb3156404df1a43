"""Rows as the JSON that clients get: one way for single products and pages, cached or fresh, to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json

from shared.http.fields import rfc3339

_NUMBERS = ("stars", "price", "list_price")
_TIMES = ("created_at", "updated_at")


def _product(row: sa.Row[Any]) -> dict[str, Any]:
    shown = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's public name
    for name in _NUMBERS:
        if shown[name] is not None:
            # At most ten significant digits: the float's shortest spelling is the decimal's own.
            shown[name] = float(shown[name])
    for name in _TIMES:
        shown[name] = rfc3339(shown[name])
    return shown


def _category(row: sa.Row[Any]) -> dict[str, Any]:
    return {"id": row.category_id, "name": row.name, "product_count": row.product_count}


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
