"""What there is to ask for, learnt from the API itself, and how it is drawn: a few categories often, most seldom."""

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
    """The categories that have products, the largest first, drawn Zipf-like: the k-th with a chance like 1/k."""

    def __init__(self, categories: Sequence[Mapping[str, Any]], draw: random.Random) -> None:
        """`categories` are list_categories' items."""
        filled = [category for category in categories if category["product_count"]]
        self._ids: list[int] = [category["id"] for category in sorted(filled, key=lambda item: -item["product_count"])]
        self._draw = draw

    def category_id(self) -> int:
        """A category's id."""
        return self.one_of(self._ids)

    def one_of[T](self, ranked: Sequence[T]) -> T:
        """One of them, the first most often."""
        return self._draw.choices(ranked, cum_weights=_zipf_weights(len(ranked)))[0]

    def sort(self) -> str:
        """An order: most people take the default."""
        return self._draw.choices(SORTS, weights=(10, 3, 3, 2, 2, 2))[0]

    def words(self, title: str) -> str | None:
        """One or two words of a title, as somebody types them who looks for such a thing; None where it has none."""
        words = _WORD.findall(title)
        return " ".join(self._draw.sample(words, min(len(words), self._draw.choice((1, 2, 2))))) if words else None


@functools.lru_cache
def _zipf_weights(count: int) -> Sequence[float]:
    """Cumulative weights of the ranks 1 to `count`."""
    return tuple(itertools.accumulate(rank**-_ZIPF_EXPONENT for rank in range(1, count + 1)))
