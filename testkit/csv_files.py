"""CSV files of good rows."""

from __future__ import annotations

from shared.catalog.schemas import CSV_COLUMNS

PRODUCTS, CATEGORIES = (",".join(CSV_COLUMNS[kind]) for kind in ("products", "categories"))
_DEFAULTS = {"stars": "4.5", "reviews": "0", "isBestSeller": "False", "boughtInLastMonth": "0"}


def products(count: int, *, first: int = 0, price: str = "1.5", category: int = 1) -> bytes:
    """A products file with that many rows and all columns."""

    def row(number: int) -> str:
        key = {"asin": f"B{number:09}", "title": f"Lamp {number}", "price": price, "category_id": str(category)}
        return ",".join((_DEFAULTS | key).get(name, "") for name in CSV_COLUMNS["products"])

    return "\n".join([PRODUCTS, *map(row, range(first, first + count)), ""]).encode()


def categories(count: int) -> bytes:
    """A categories file with that many rows."""
    return "\n".join([CATEGORIES, *(f"{number},Kind {number}" for number in range(1, count + 1)), ""]).encode()
