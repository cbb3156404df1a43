"""Products whose titles have all words of `q`, by the database's text index.

SQLite updates its FTS5 index (https://sqlite.org/fts5.html) in the row's transaction. Azure SQL updates its full-text
index some time after the commit (https://learn.microsoft.com/sql/relational-databases/search/full-text-search);
docs/architecture.md says how its words differ.
"""

from __future__ import annotations

import logging
import time

import sqlalchemy as sa

from shared.catalog.schemas import words_of
from shared.catalog.tables import products
from shared.database.sqlite.title_words import is_one_token
from shared.database.transactions import Transactions

log = logging.getLogger(__name__)

_FULL_TEXT_INDEXES = "SELECT COUNT(*) FROM sys.fulltext_indexes WHERE object_id = OBJECT_ID(N'dbo.products')"
# A deployment makes the index while older processes may still run.
_LOOK_AGAIN_SECONDS = 60.0

_FTS5 = sa.table("products_title_words", sa.column("rowid"), sa.column("products_title_words"))

# Up to this many titles with the words of `q` are fetched and sorted. If there are more, SQLite walks the list in its
# own order instead, and soon finds enough of them for a page.
_FEW_TITLES = 20_000


class TitleIndex:
    """The text index of the products' titles: always there on SQLite, optional on Azure SQL."""

    def __init__(self, store: Transactions) -> None:
        self._store = store
        self._exists = store.engine.dialect.name == "sqlite"
        self._look_again_at = time.monotonic()

    async def exists(self) -> bool:
        """Whether titles can be searched. Raises UnavailableError where the database can't be asked."""
        if not self._exists and time.monotonic() >= self._look_again_at:
            self._exists = await self._store.read(_has_full_text_index)
            self._look_again_at = time.monotonic() + _LOOK_AGAIN_SECONDS
            if not self._exists:
                log.warning("The database has no full-text index of the products' titles: requests with q get 501.")
        return self._exists


def _has_full_text_index(connection: sa.Connection) -> bool:
    return bool(connection.exec_driver_sql(_FULL_TEXT_INDEXES).scalar_one())


def among_titles(connection: sa.Connection, q: str) -> sa.ColumnElement[bool]:
    """Whether a product's title has all words of `q`."""
    if connection.dialect.name == "mssql":
        # A quoted word is no operator. It has letters and digits only, so no quote.
        words = "&".join(f'"{word}"' for word in words_of(q))
        return sa.func.contains(products.c.title, sa.bindparam("words", words, sa.Unicode(4000), unique=True))
    return products.c.product_id.in_(_fts5_titles(q))


def has_words(connection: sa.Connection, q: str) -> sa.ColumnElement[bool]:
    """As `among_titles`, written so that reading one page is fast."""
    if connection.dialect.name == "mssql":
        return among_titles(connection, q)  # its optimiser knows how many rows have the words
    titles = _fts5_titles(q)
    some = titles.limit(_FEW_TITLES + 1).subquery()
    found = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    if found <= _FEW_TITLES:
        return products.c.product_id.in_(titles)
    # A unary plus prevents SQLite from fetching and sorting all of them (https://sqlite.org/optoverview.html#uplus).
    return sa.literal_column("+products.product_id").in_(titles)


def _fts5_titles(q: str) -> sa.Select[tuple[int]]:
    words = words_of(q)
    if not all(is_one_token(word) for word in words):
        return sa.select(_FTS5.c.rowid).where(sa.false())
    # A quoted word is no operator of FTS5's query language.
    match = " ".join(f'"{word}"' for word in words)
    return sa.select(_FTS5.c.rowid).where(_FTS5.c.products_title_words.op("MATCH")(match))
