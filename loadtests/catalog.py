"""The categories, sorts and words that the load requests: a few categories often, most seldom."""

from __future__ import annotations

import functools
import itertools
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

SORTS = ("asin", "price", "-price", "-stars", "-reviews", "-bought_in_last_month")
_ZIPF_EXPONENT = 1.0
_WORD = re.compile(r"[^\W_]{3,}")


class Catalog:
    """The categories that have products, largest first. The k-th is drawn in proportion to 1/k (Zipf)."""

    def __init__(self, categories: Sequence[Mapping[str, Any]], draw: random.Random) -> None:
        """`categories` are list_categories' items."""
        filled = [category for category in categories if category["product_count"]]
        self._ids: list[int] = [category["id"] for category in sorted(filled, key=lambda item: -item["product_count"])]
        self._draw = draw

    def category_id(self) -> int:
        """Draws a category's id."""
        return self.one_of(self._ids)

    def one_of[T](self, ranked: Sequence[T]) -> T:
        """Draws one of the items, the first most often."""
        return self._draw.choices(ranked, cum_weights=_zipf_weights(len(ranked)))[0]

    def sort(self) -> str:
        """Draws a sort. The default is the most frequent."""
        return self._draw.choices(SORTS, weights=(10, 3, 3, 2, 2, 2))[0]

    def words(self, title: str) -> str | None:
        """Draws one or two words of a title, as a user types them; None if the title has no words."""
        words = _WORD.findall(title)
        return " ".join(self._draw.sample(words, min(len(words), self._draw.choice((1, 2, 2))))) if words else None


@functools.lru_cache
def _zipf_weights(count: int) -> Sequence[float]:
    """Cumulative weights of the ranks 1 to `count`."""
    return tuple(itertools.accumulate(rank**-_ZIPF_EXPONENT for rank in range(1, count + 1)))
