"""CSV files of good rows."""

from __future__ import annotations

PRODUCTS = "asin,title,imgUrl,productURL,stars,reviews,price,listPrice,category_id,isBestSeller,boughtInLastMonth"
CATEGORIES = "id,category_name"


def products(count: int, *, first: int = 0, price: str = "1.5", category: int = 1) -> bytes:
    """A products file with that many rows."""
    rows = (f"B{number:09},Lamp {number},,,4.5,0,{price},,{category},False,0" for number in range(first, first + count))
    return "\n".join([PRODUCTS, *rows, ""]).encode()


def categories(count: int) -> bytes:
    """A categories file with that many rows."""
    return "\n".join([CATEGORIES, *(f"{number},Kind {number}" for number in range(1, count + 1)), ""]).encode()
