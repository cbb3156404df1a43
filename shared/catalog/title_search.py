"""Products whose titles have all words of `q`, by the database's text index.

SQLite updates its FTS5 index (https://sqlite.org/fts5.html) in the row's transaction. Azure SQL updates its full-text
index some time after the commit (https://learn.microsoft.com/sql/relational-databases/search/full-text-search);
docs/architecture.md says how its words differ.
"""

from __future__ import annotations

import sqlalchemy as sa

from shared.catalog.schemas import words_of
from shared.catalog.tables import products
from shared.database.sqlite.title_words import is_one_token

_FTS5 = sa.table("products_title_words", sa.column("rowid"), sa.column("products_title_words"))

# Up to this many titles with the words of `q` are fetched and sorted. If there are more, SQLite walks the list in its
# own order instead, and soon finds enough of them for a page.
_FEW_TITLES = 20_000


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
