"""Inserting many products at once: without indexes and triggers, which are made again at the end.

Within the merge's transaction, so that nobody sees the table without them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Self

# Below this many, and below this share of the products, keeping the indexes as rows come is the faster way.
_FEWEST_ROWS = 20_000
_SMALLEST_SHARE = 1 / 3
# Memory for the words of titles until they are sorted and written: each time that it is full costs a merge later.
_WORDS_BYTES = 32 * 1024 * 1024
# A sorter's runs as large as this stay in the processor's cache: half the time of runs of 64 MiB.
_SORT_KIB = 2_048


class BulkWrite:
    """Takes indexes and triggers of `products` away where `new` rows justify it, and gives them back."""

    def __init__(self, connection: sqlite3.Connection, new: int) -> None:
        self._connection = connection
        (present, self._last_id) = connection.execute(
            "SELECT count(*), coalesce(max(product_id), 0) FROM main.products"
        ).fetchone()
        self._worth_it = new >= _FEWEST_ROWS and new >= present * _SMALLEST_SHARE
        self._definitions: list[str] = []

    def __enter__(self) -> Self:
        if self._worth_it:
            parts = self._connection.execute(
                "SELECT type, name, sql FROM main.sqlite_schema"
                " WHERE tbl_name = 'products' AND type IN ('index', 'trigger') AND sql IS NOT NULL"
            ).fetchall()
            for kind, name, definition in parts:
                self._connection.execute(f"DROP {kind} main.[{name}]")
                self._definitions.append(definition)
        return self

    def restore(self, index_words: Callable[[int], object]) -> None:
        """Makes them again; `index_words` gets the last product_id that was there before."""
        if not self._worth_it:
            return
        self._connection.execute(
            "INSERT INTO products_title_words (products_title_words, rank) VALUES ('hashsize', ?)", [_WORDS_BYTES]
        )
        index_words(self._last_id)
        self._connection.execute(
            "INSERT INTO products_title_words (products_title_words, rank) VALUES ('hashsize', ?)", [1024 * 1024]
        )
        self._connection.execute(f"PRAGMA main.cache_size = -{_SORT_KIB}")
        for definition in self._definitions:
            self._connection.execute(definition)

    def __exit__(self, *_error: object) -> None:
        """Where `restore` was not reached the transaction is rolled back, and with it the absence."""
