"""What the demo reads from its products file itself, to check the API's answers."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Rows of the file with changes, and how many of them have another price.
EXCERPT_ROWS, CHANGED_ROWS = 500, 10
_MAX_EXPECTED = 250  # products that the paging step checks
_MAX_PRICE = Decimal(10_000)


@dataclass(frozen=True)
class Search:
    """A query by category and price (inclusive, in dollars), and the ASINs that the file has for it."""

    category_id: int
    min_price: Decimal
    max_price: Decimal
    asins: frozenset[str]


def largest_category_search(path: Path) -> Search:
    """A query in the file's largest category that finds a few pages of products."""
    sizes = Counter(row["category_id"] for row in _good_rows(path))
    if not sizes:
        raise LocalCloudError(f"{path} has no row with a title and a price.")
    category, _ = sizes.most_common(1)[0]
    by_price = sorted(
        (Decimal(row["price"]), row["asin"]) for row in _good_rows(path) if row["category_id"] == category
    )
    middle = by_price[len(by_price) // 4 :][:_MAX_EXPECTED]
    lowest, highest = middle[0][0], middle[-1][0]
    asins = frozenset(asin for price, asin in by_price if lowest <= price <= highest)
    return Search(int(category), lowest, highest, asins)


def write_excerpt(source: Path, target: Path) -> dict[str, Decimal]:
    """Writes the first rows, some of them with a price one dollar higher, and returns these prices by ASIN."""
    rows = list(itertools.islice(_good_rows(source), EXCERPT_ROWS))
    step = max(len(rows) // CHANGED_ROWS, 1)
    changed: dict[str, Decimal] = {}
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for number, row in enumerate(rows):
            if number % step == 0:
                changed[row["asin"]] = Decimal(row["price"]) + 1
                row["price"] = str(changed[row["asin"]])
            writer.writerow(row)
    return changed


def _good_rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows with all fields, a title, and a price between 0 and `_MAX_PRICE`."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            try:
                price = Decimal(row["price"])
            except InvalidOperation:
                continue
            if row["title"] and 0 < price < _MAX_PRICE and len(row) == len(row.keys() - {None}):
                yield row
