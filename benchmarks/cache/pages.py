"""The 2,000 pages that the load reads, and their popularity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.cache.catalog import largest_categories
from local.services import HOST

_CATEGORIES, _PRICES = 40, 50
COUNT = _CATEGORIES * _PRICES


def paths(catalog: Path) -> list[str]:
    """Lists of 20 products each, some 10 KB of JSON: the largest categories, with fifty lower bounds of the price."""
    return [
        f"/api/products?category_id={category_id}&min_price={cents / 100}"
        for category_id in largest_categories(catalog, _CATEGORIES)
        for cents in range(_PRICES)
    ]


def requests_for(wanted: Sequence[str], headers: str = "") -> list[bytes]:
    """The GET requests as bytes; each of the further headers ends with CRLF."""
    return [f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n".encode() for path in wanted]


def zipf_like(count: int, seed: int) -> list[int]:
    """`count` draws of page numbers: the n-th most popular page is drawn in proportion to 1/n."""
    weights = 1 / np.arange(1, COUNT + 1)
    draw = np.random.default_rng(seed)
    # The popularity of a page doesn't depend on its place in the list.
    popularity = draw.permutation(COUNT)
    return [int(page) for page in popularity[draw.choice(COUNT, size=count, p=weights / weights.sum())]]
