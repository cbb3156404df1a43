"""The products of the catalog for the peers. Threads read and write the same columns of the same file."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

_SHOWN = (
    "asin, title, image_url, product_url, stars / 100.0 AS stars, reviews, price / 100.0 AS price,"
    " list_price / 100.0 AS list_price, category_id, is_best_seller, bought_in_last_month, created_at, updated_at"
)
type Row = dict[str, Any]  # a row of JSON values


class Products:
    """The table of products; `queries` counts the queries of lists."""

    def __init__(self) -> None:
        self._file = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
        self._of_thread = threading.local()
        self.queries = 0

    async def page(self, category_id: int, min_price: float, limit: int, *, newest_first: bool) -> list[Row]:
        """Reads a page of a category."""
        self.queries += 1
        order = "DESC" if newest_first else "ASC"
        statement = (
            f"SELECT {_SHOWN} FROM products WHERE category_id = ? AND ifnull(price, 0) >= ?"
            f" ORDER BY asin {order} LIMIT ?"
        )
        return await self._in_thread(
            lambda connection: [
                dict(row) for row in connection.execute(statement, [category_id, min_price * 100, limit])
            ]
        )

    async def insert(self, asin: str, title: str, category_id: int) -> None:
        """Inserts a product."""
        await self._in_thread(
            lambda connection: connection.execute(
                "INSERT INTO products (asin, title, reviews, category_id, is_best_seller, bought_in_last_month,"
                " created_at, updated_at) VALUES (?, ?, 0, ?, 0, 0, 0, 0)",
                [asin, title, category_id],
            )
        )

    async def _in_thread[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(lambda: work(self._connection()))

    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._of_thread, "connection"):
            connection = sqlite3.connect(self._file, timeout=30, isolation_level=None)
            connection.row_factory = sqlite3.Row
            self._of_thread.connection = connection
        found: sqlite3.Connection = self._of_thread.connection
        return found
