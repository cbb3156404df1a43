"""The orders of product lists."""

from __future__ import annotations

from shared.catalog.tables import products
from shared.database.keyset import Order


def order_of(sort: str) -> Order:
    """The order that the API spells as `price` or, descending, `-price`."""
    return Order(products.c[sort.removeprefix("-")], products.c.asin, sort.startswith("-"))
