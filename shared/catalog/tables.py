"""The tables of products and categories. Migrations create them; a test compares the two."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Integer, Table
from sqlalchemy.types import TypeEngine

from shared.catalog.declaration import (
    AsciiCode,
    HttpUrlText,
    Rule,
    Text,
    TrueOrFalse,
    TwoDecimals,
    WholeNumber,
    declared,
)
from shared.catalog.schemas import FILTERS, SORT_COLUMNS, NewCategory, NewProduct
from shared.database import types
from shared.database.metadata import RowId, catalog_metadata


def _sql_type(rule: Rule) -> TypeEngine[Any]:
    match rule:
        case AsciiCode(length):
            return types.exact_code(length)
        case Text(max_length) | HttpUrlText(max_length):
            # A code point is up to two UTF-16 units, which NVARCHAR counts.
            return types.exact_text(2 * max_length)
        case TwoDecimals(maximum):
            return types.Hundredths(precision=_digits(maximum))
        case WholeNumber():
            return Integer()
        case TrueOrFalse():
            return Boolean()


def _digits(maximum: Decimal) -> int:
    """How many digits the numbers up to `maximum` have, with two decimals."""
    return len(str(int(maximum.scaleb(2))))


def _columns(model: type[BaseModel], **options: dict[str, Any]) -> Iterator[Column[Any]]:
    """The declared columns; `options` adds to a column what isn't part of its declaration."""
    for field in declared(model):
        own = options.get(field.column, {})
        yield Column(field.column, _sql_type(field.rule), nullable=field.nullable, **own)


categories = Table(
    "categories",
    catalog_metadata,
    *_columns(NewCategory, category_id={"primary_key": True, "autoincrement": False}),
    # Kept by each write of products, in its transaction: counting 1.4 million at each read takes 0.1 s.
    Column("product_count", Integer, nullable=False, server_default="0"),
)

products = Table(
    "products",
    catalog_metadata,
    Column("product_id", RowId, primary_key=True, autoincrement=True),
    *_columns(NewProduct),
    Column("created_at", types.UtcTime, nullable=False),
    Column("updated_at", types.UtcTime, nullable=False),
    ForeignKeyConstraint(["category_id"], [categories.c.category_id]),
)

# On Azure SQL the two indexes by asin include the other columns that filters compare: to count a filtered list, the
# server reads the index alone.
FILTERED = tuple(dict.fromkeys(each.column for each in FILTERS.values() if each.column != "category_id"))
Index("uq_products_asin", products.c.asin, unique=True, mssql_include=FILTERED)
Index("ix_products_category", products.c.category_id, products.c.asin, mssql_include=FILTERED)
# One index per sort, with and without a category, each ending in asin: every page is a seek (catalog/paging.py).
for _sort in SORT_COLUMNS:
    if _sort != "asin":
        Index(f"ix_products_{_sort}", products.c[_sort], products.c.asin)
        Index(f"ix_products_category_{_sort}", products.c.category_id, products.c[_sort], products.c.asin)
