"""Inserts many products at once without indexes and triggers, and recreates those at the end.

This happens in the merge's transaction, so no other connection sees the table without them.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Self

import apsw

from local.datafactory.stop import Stop
from local.datafactory.stores.sqlite.words import WORDS_BYTES, TitleWords

# Below this number or this share of the products, keeping the indexes up to date row by row is faster.
_FEWEST_ROWS = 20_000
_SMALLEST_SHARE = 1 / 3
# SQLite's default, see WORDS_BYTES.
_USUAL_WORDS_BYTES = 1024 * 1024
# A sorter with runs of this size stays in the processor's cache and takes half the time of runs of 64 MiB.
_SORT_KIB = 1_024


class ProductInsert:
    """Inserts new products. `insert` and `index_words` run the merge's sections of these names.

    Both take the highest product_id before the insert. `rows` is the highest possible number of new rows. The catalog's
    lock must be held. If the catalog is empty and the rows are many, their text index is begun on entry.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what it works on and the two sections
        self,
        connection: apsw.Connection,
        staging_file: Path,
        rows: int,
        stop: Stop,
        insert: Callable[[int], object],
        index_words: Callable[[int], object],
    ) -> None:
        self._connection = connection
        self._staging_file = staging_file
        self._rows = rows
        self._stop = stop
        self._insert = insert
        self._index_words = index_words
        (self._present, self._last_id) = connection.execute(
            "SELECT count(*), coalesce(max(product_id), 0) FROM main.products"
        ).get
        self._words: TitleWords | None = None
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if not self._present and self._rows >= _FEWEST_ROWS:
            self._words = self._resources.enter_context(self._title_words())
        return self

    def __exit__(self, *_error: object) -> None:
        self._resources.close()

    def run(self, new: int) -> None:
        """Inserts so many new products in the faster way."""
        if new < _FEWEST_ROWS or new < self._present * _SMALLEST_SHARE:
            self._insert(self._last_id)
            return
        self._connection.execute(f"PRAGMA main.cache_size = -{_SORT_KIB}")
        definitions = self._drop_indexes_and_triggers()
        self._insert(self._last_id)
        if self._words is None:
            self._index_words_with_more_memory()
        for definition in definitions:
            self._stop.check()
            self._connection.execute(definition)
        if self._words is not None:
            self._words.move_into(self._connection)

    def _title_words(self) -> TitleWords:
        definition = self._connection.execute(
            "SELECT sql FROM main.sqlite_schema WHERE name = 'products_title_words'"
        ).get
        left_out = self._connection.execute(
            "SELECT row_no FROM temp.rejected UNION ALL SELECT row_no FROM temp.superseded"
        )
        # Half of a file may be left out: an array takes 8 bytes a row, a list 40.
        row_nos = array("q", (row_no for (row_no,) in left_out))
        return TitleWords(self._staging_file, definition, row_nos, self._last_id, self._stop)

    def _drop_indexes_and_triggers(self) -> list[str]:
        parts = self._connection.execute(
            "SELECT type, name, sql FROM main.sqlite_schema"
            " WHERE tbl_name = 'products' AND type IN ('index', 'trigger') AND sql IS NOT NULL"
        ).fetchall()
        for kind, name, _ in parts:
            self._connection.execute(f"DROP {kind} main.[{name}]")
        return [str(definition) for _, _, definition in parts]

    def _index_words_with_more_memory(self) -> None:
        statement = "INSERT INTO products_title_words (products_title_words, rank) VALUES ('hashsize', ?)"
        self._connection.execute(statement, [WORDS_BYTES])
        self._index_words(self._last_id)
        self._connection.execute(statement, [_USUAL_WORDS_BYTES])
