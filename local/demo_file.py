"""What the demo knows of its products file by reading it itself, to hold the API's answers against."""

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

# A file of changes is made of this many rows, some of them with another price.
EXCERPT_ROWS, CHANGED_ROWS = 500, 10
_MOST_EXPECTED = 250  # products that the walk through the pages looks for
_DEAREST = Decimal(10_000)


@dataclass(frozen=True)
class Search:
    """A category, a range of prices (inclusive, in dollars), and the asins of the file in it."""

    category_id: int
    min_price: Decimal
    max_price: Decimal
    asins: frozenset[str]


def largest_category_search(path: Path) -> Search:
    """A range of prices in the file's largest category, with at most a few pages of products."""
    sizes = Counter(row["category_id"] for row in _good_rows(path))
    if not sizes:
        raise LocalCloudError(f"{path} has no row with a price.")
    category, _ = sizes.most_common(1)[0]
    by_price = sorted(
        (Decimal(row["price"]), row["asin"]) for row in _good_rows(path) if row["category_id"] == category
    )
    middle = by_price[len(by_price) // 4 :][:_MOST_EXPECTED]
    lowest, highest = middle[0][0], middle[-1][0]
    asins = frozenset(asin for price, asin in by_price if lowest <= price <= highest)
    return Search(int(category), lowest, highest, asins)


def write_excerpt(source: Path, target: Path) -> dict[str, Decimal]:
    """Writes the file's first rows again, every so many with a price one dollar higher; gives the new ones by asin."""
    rows = list(itertools.islice(_good_rows(source), EXCERPT_ROWS))
    every = max(len(rows) // CHANGED_ROWS, 1)
    changed: dict[str, Decimal] = {}
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for number, row in enumerate(rows):
            if number % every == 0:
                changed[row["asin"]] = Decimal(row["price"]) + 1
                row["price"] = str(changed[row["asin"]])
            writer.writerow(row)
    return changed


def _good_rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows with a title and a price above 0; each asin's first one only matters where the file has it once."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            try:
                price = Decimal(row["price"])
            except InvalidOperation:
                continue
            if row["title"] and 0 < price < _DEAREST and len(row) == len(row.keys() - {None}):
                yield row
