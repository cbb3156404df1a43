"""Which cached views a change of the catalog makes stale (docs/architecture.md, "Cached responses")."""

from __future__ import annotations

import hashlib

CATALOG = "catalog"
CATEGORIES = "categories"
_PRODUCT_BUCKETS = 1024


def category(category_id: int) -> str:
    """The lists with this category_id."""
    return f"category:{category_id}"


def product(asin: str) -> str:
    """The single products whose asins hash into the same bucket.

    By a hash that SQL Server has too: its merge writes these tags itself (database/mssql/merge_products.sql).
    """
    first_bytes = hashlib.sha256(asin.encode()).digest()[:2]
    return f"product:{int.from_bytes(first_bytes) % _PRODUCT_BUCKETS}"


def listing(category_id: int | None) -> str:
    """The list that a query asks for."""
    return CATALOG if category_id is None else category(category_id)
