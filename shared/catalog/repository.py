"""All SQL of the catalogue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from shared.catalog.paging import Order, Position, read_page
from shared.catalog.schemas import NewCategory, NewProduct, ProductQuery, words_of
from shared.database.tables import categories, products
from shared.database.title_words import is_one_token
from shared.errors import NotSupportedError

_SHOWN = (
    products.c.asin,
    products.c.title,
    products.c.image_url,
    products.c.product_url,
    products.c.stars,
    products.c.reviews,
    products.c.price,
    products.c.list_price,
    products.c.category_id,
    products.c.is_best_seller,
    products.c.bought_in_last_month,
    products.c.created_at,
    products.c.updated_at,
)

_WORDS = sa.table("products_title_words", sa.column("rowid"), sa.column("products_title_words"))

# Titles with the words of `q`: up to so many are looked up and sorted; of more, a page's worth is soon met in the order
# of the list itself.
_FEW_TITLES = 20_000

# How many parameters one statement takes at most, everywhere.
_MAX_KEYS = 500


def read_products(
    connection: sa.Connection, query: ProductQuery, after: Position | None, count: int
) -> Sequence[sa.Row[Any]]:
    """At most `count` products of the query's list, from `after` on."""
    rows = sa.select(*_SHOWN).where(*_filters(query))
    if query.q:
        rows = rows.where(_has_words(connection, query.q))
    return read_page(connection, rows, Order.of(query.sort), after, count)


def count_products(connection: sa.Connection, query: ProductQuery) -> int:
    """How many products the whole query has."""
    narrowed = (query.min_price, query.max_price, query.min_stars, query.best_seller, query.q)
    if all(part is None for part in narrowed):
        counts = sa.select(sa.func.coalesce(sa.func.sum(categories.c.product_count), 0))
        if query.category_id is not None:
            counts = counts.where(categories.c.category_id == query.category_id)
        return int(connection.execute(counts).scalar_one())
    rows = sa.select(sa.func.count()).select_from(products).where(*_filters(query))
    if query.q:
        rows = rows.where(_among_titles(connection, query.q))
    return connection.execute(rows).scalar_one()


def read_product(connection: sa.Connection, asin: str) -> sa.Row[Any] | None:
    """One product."""
    rows: sa.Select[Any] = sa.select(*_SHOWN).where(products.c.asin == asin)
    return connection.execute(rows).one_or_none()


def known_asins(connection: sa.Connection, asins: Iterable[str]) -> set[str]:
    """Which of these asins there are."""
    return {
        asin
        for part in _parts(list(asins))
        for asin in connection.execute(sa.select(products.c.asin).where(products.c.asin.in_(part))).scalars()
    }


def known_categories(connection: sa.Connection, category_ids: Iterable[int]) -> set[int]:
    """Which of these categories there are."""
    ids = categories.c.category_id
    return {
        category_id
        for part in _parts(sorted(category_ids))
        for category_id in connection.execute(sa.select(ids).where(ids.in_(part))).scalars()
    }


def insert_products(connection: sa.Connection, new: Sequence[NewProduct], now: dt.datetime) -> None:
    """Inserts the products; their asins are new and their categories known."""
    connection.execute(
        sa.insert(products), [{**item.model_dump(), "created_at": now, "updated_at": now} for item in new]
    )


def update_product(connection: sa.Connection, asin: str, changes: Mapping[str, Any], now: dt.datetime) -> None:
    """Changes fields of one product."""
    connection.execute(sa.update(products).where(products.c.asin == asin).values(**changes, updated_at=now))


def delete_product(connection: sa.Connection, asin: str) -> None:
    """Deletes one product."""
    connection.execute(sa.delete(products).where(products.c.asin == asin))


def add_to_product_counts(connection: sa.Connection, changes: Mapping[int, int]) -> None:
    """Adds to the categories' counts, in the order of their ids so that two writers never wait for each other."""
    statement = (
        sa.update(categories)
        .where(categories.c.category_id == sa.bindparam("id"))
        .values(product_count=categories.c.product_count + sa.bindparam("change"))
    )
    connection.execute(statement, [{"id": key, "change": changes[key]} for key in sorted(changes)])


def read_categories(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """All categories, by id."""
    return connection.execute(sa.select(categories).order_by(categories.c.category_id)).all()


def read_category(connection: sa.Connection, category_id: int) -> sa.Row[Any] | None:
    """One category."""
    return connection.execute(sa.select(categories).where(categories.c.category_id == category_id)).one_or_none()


def insert_category(connection: sa.Connection, new: NewCategory) -> None:
    """Inserts a category; its id is new."""
    connection.execute(sa.insert(categories).values(category_id=new.id, name=new.name, product_count=0))


def rename_category(connection: sa.Connection, category_id: int, name: str) -> None:
    """Gives a category another name."""
    connection.execute(sa.update(categories).where(categories.c.category_id == category_id).values(name=name))


def _filters(query: ProductQuery) -> list[sa.ColumnElement[bool]]:
    filters: list[sa.ColumnElement[bool]] = []
    if query.category_id is not None:
        filters.append(products.c.category_id == query.category_id)
    if query.min_price is not None:
        filters.append(products.c.price >= query.min_price)
    if query.max_price is not None:
        filters.append(products.c.price <= query.max_price)
    if query.min_stars is not None:
        filters.append(products.c.stars >= query.min_stars)
    if query.best_seller is not None:
        filters.append(products.c.is_best_seller == query.best_seller)
    return filters


def _titles(connection: sa.Connection, q: str) -> sa.Select[tuple[int]]:
    """The products whose titles have all words of `q`, by SQLite's FTS5 (https://sqlite.org/fts5.html)."""
    if connection.dialect.name != "sqlite":
        raise NotSupportedError("q: this deployment's database has no text index.")
    # Quoted, a word is no operator of FTS5's query language.
    words = words_of(q)
    if not all(is_one_token(word) for word in words):
        return sa.select(_WORDS.c.rowid).where(sa.false())
    match = " ".join(f'"{word}"' for word in words)
    return sa.select(_WORDS.c.rowid).where(_WORDS.c.products_title_words.op("MATCH")(match))


def _among_titles(connection: sa.Connection, q: str) -> sa.ColumnElement[bool]:
    return products.c.product_id.in_(_titles(connection, q))


def _has_words(connection: sa.Connection, q: str) -> sa.ColumnElement[bool]:
    """`_among_titles`, in the way that is fast for this many titles."""
    titles = _titles(connection, q)
    some = titles.limit(_FEW_TITLES + 1).subquery()
    found = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    if found <= _FEW_TITLES:
        return products.c.product_id.in_(titles)
    # A unary plus keeps SQLite from fetching all of them and sorting (https://sqlite.org/optoverview.html#uplus).
    return sa.literal_column("+products.product_id").in_(titles)


def _parts[T](keys: list[T]) -> Iterable[list[T]]:
    return (keys[begin : begin + _MAX_KEYS] for begin in range(0, len(keys), _MAX_KEYS))
