"""The catalog's cache tags: a write names the tags of the views that it makes stale (docs/cache.md)."""

from __future__ import annotations

import hashlib

CATALOG = "catalog"
CATEGORIES = "categories"
_PRODUCT_BUCKETS = 1024


def category(category_id: int) -> str:
    """The tag of lists with this category_id."""
    return f"category:{category_id}"


def product(asin: str) -> str:
    """The tag of single products; those whose asins hash into the same bucket share it.

    SQL Server has the same hash: its merge writes these tags itself (database/mssql/merge_products.sql).
    """
    first_bytes = hashlib.sha256(asin.encode()).digest()[:2]
    return f"product:{int.from_bytes(first_bytes) % _PRODUCT_BUCKETS}"


def listing(category_id: int | None) -> str:
    """The tag of a list of products."""
    return CATALOG if category_id is None else category(category_id)
