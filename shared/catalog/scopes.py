"""Which cached views a change of the catalogue makes stale (docs/architecture.md, "Cached responses")."""

from __future__ import annotations

import zlib

CATALOG = "catalog"
CATEGORIES = "categories"
_PRODUCT_BUCKETS = 1024


def category(category_id: int) -> str:
    """The lists with this category_id."""
    return f"category:{category_id}"


def product(asin: str) -> str:
    """The single products whose asins hash into the same bucket."""
    return f"product:{zlib.crc32(asin.encode()) % _PRODUCT_BUCKETS}"


def listing(category_id: int | None) -> str:
    """The list that a query asks for."""
    return CATALOG if category_id is None else category(category_id)
