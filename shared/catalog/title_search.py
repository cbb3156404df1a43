"""Products whose titles have all words of `q`, by the engine's text index.

SQLite's FTS5 (https://sqlite.org/fts5.html) is part of the row's transaction. Azure SQL fills its full-text index
behind the commit (https://learn.microsoft.com/sql/relational-databases/search/full-text-search); docs/architecture.md
says how its words differ.
"""

from __future__ import annotations

import sqlalchemy as sa

from shared.catalog.schemas import words_of
from shared.catalog.tables import products
from shared.database.sqlite.title_words import is_one_token

_FTS5 = sa.table("products_title_words", sa.column("rowid"), sa.column("products_title_words"))

# Titles with the words of `q`: up to so many are looked up and sorted; of more, a page's worth is soon met in the order
# of the list itself.
_FEW_TITLES = 20_000


def among_titles(connection: sa.Connection, q: str) -> sa.ColumnElement[bool]:
    """Whether a product's title has all words of `q`."""
    if connection.dialect.name == "mssql":
        # Quoted, a word is no operator; it holds letters and digits only, so no quote.
        words = "&".join(f'"{word}"' for word in words_of(q))
        return sa.func.contains(products.c.title, sa.bindparam("words", words, sa.Unicode(4000), unique=True))
    return products.c.product_id.in_(_fts5_titles(q))


def has_words(connection: sa.Connection, q: str) -> sa.ColumnElement[bool]:
    """`among_titles`, in the way that is fast for a page of this many titles."""
    if connection.dialect.name == "mssql":
        return among_titles(connection, q)  # its optimiser knows how many rows have a word
    titles = _fts5_titles(q)
    some = titles.limit(_FEW_TITLES + 1).subquery()
    found = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    if found <= _FEW_TITLES:
        return products.c.product_id.in_(titles)
    # A unary plus keeps SQLite from fetching all of them and sorting (https://sqlite.org/optoverview.html#uplus).
    return sa.literal_column("+products.product_id").in_(titles)


def _fts5_titles(q: str) -> sa.Select[tuple[int]]:
    words = words_of(q)
    if not all(is_one_token(word) for word in words):
        return sa.select(_FTS5.c.rowid).where(sa.false())
    # Quoted, a word is no operator of FTS5's query language.
    match = " ".join(f'"{word}"' for word in words)
    return sa.select(_FTS5.c.rowid).where(_FTS5.c.products_title_words.op("MATCH")(match))
