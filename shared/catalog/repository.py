"""The SQL statements of the catalog; `batches.py` has those of many rows on Azure SQL."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from shared.catalog import batches
from shared.catalog.declaration import Comparison, declared
from shared.catalog.paging import order_of
from shared.catalog.schemas import FILTERS, NewCategory, NewProduct, Product, ProductQuery
from shared.catalog.tables import categories, products
from shared.catalog.title_search import among_titles, has_words
from shared.database.keyset import Position, read_page
from shared.database.retry_policy import RowChangedError

_SHOWN = tuple(products.c[name] for name in Product.model_fields)

_OPERATORS: dict[Comparison, Callable[[Any, Any], sa.ColumnElement[bool]]] = {
    "equals": operator.eq,
    "at least": operator.ge,
    "at most": operator.le,
}
_CONDITIONS = tuple((name, products.c[each.column], _OPERATORS[each.comparison]) for name, each in FILTERS.items())
# The filters whose products must be counted at a read. Those of a category are counted when they are written
# (`categories.product_count`).
_NARROWING = ("q", *(name for name, each in FILTERS.items() if each.column != "category_id"))

# Azure SQL keeps a statement's plan. How many rows a filter leaves depends on its value, and so does the better index.
# So a statement with a filter is planned at each execution.
_PLANNED_ANEW = "OPTION (RECOMPILE)"

_MICROSECOND = dt.timedelta(microseconds=1)

# The most keys in one statement: each engine accepts as many parameters.
_MAX_KEYS = 500


def read_products(
    connection: sa.Connection, query: ProductQuery, after: Position | None, count: int
) -> Sequence[sa.Row[Any]]:
    """At most `count` products of the query's list, those after `after`."""
    rows = sa.select(*_SHOWN).where(*_filters(query))
    if _is_narrowed(query):
        rows = rows.with_statement_hint(_PLANNED_ANEW, "mssql")
    if query.q:
        rows = rows.where(has_words(connection, query.q))
    return read_page(connection, rows, order_of(query.sort), after, count)


def count_products(connection: sa.Connection, query: ProductQuery) -> int:
    """The number of products on all pages of the query."""
    if not _is_narrowed(query):
        counts = sa.select(sa.func.coalesce(sa.func.sum(categories.c.product_count), 0))
        if query.category_id is not None:
            counts = counts.where(categories.c.category_id == query.category_id)
        return int(connection.execute(counts).scalar_one())
    rows = sa.select(sa.func.count()).select_from(products).where(*_filters(query))
    rows = rows.with_statement_hint(_PLANNED_ANEW, "mssql")
    if query.q:
        rows = rows.where(among_titles(connection, query.q))
    return connection.execute(rows).scalar_one()


def read_product(connection: sa.Connection, asin: str) -> sa.Row[Any] | None:
    """The product with this asin."""
    rows: sa.Select[Any] = sa.select(*_SHOWN).where(products.c.asin == asin)
    return connection.execute(rows).one_or_none()


def known_asins(connection: sa.Connection, asins: Iterable[str]) -> set[str]:
    """The asins among these that exist."""
    return {
        asin
        for part in _parts(list(asins))
        for asin in connection.execute(sa.select(products.c.asin).where(products.c.asin.in_(part))).scalars()
    }


def known_categories(connection: sa.Connection, category_ids: Iterable[int]) -> set[int]:
    """The ids among these that are a category's."""
    ids = categories.c.category_id
    return {
        category_id
        for part in _parts(sorted(category_ids))
        for category_id in connection.execute(sa.select(ids).where(ids.in_(part))).scalars()
    }


def insert_products(connection: sa.Connection, new: Sequence[NewProduct], now: dt.datetime) -> None:
    """Inserts the products; their asins are new and their categories known."""
    times = {"created_at": now, "updated_at": now}
    if len(new) == 1:
        # Nulls are left out: for a NULL pyodbc asks the server for the column's type, and all threads wait.
        connection.execute(sa.insert(products).values(**new[0].model_dump(exclude_none=True), **times))
    elif connection.dialect.name == "mssql":
        batches.insert_products(connection, new, now)
    else:
        connection.execute(sa.insert(products), [{**item.model_dump(), **times} for item in new])


def update_product(connection: sa.Connection, seen: sa.Row[Any], changes: Mapping[str, Any], now: dt.datetime) -> None:
    """Changes fields of a product that is still as it was `seen`. Raises RowChangedError.

    `updated_at` grows with each change, so it identifies a state of the row.
    """
    updated_at = max(now, seen.updated_at + _MICROSECOND)
    values = {name: sa.null() if value is None else value for name, value in changes.items()}
    _change_one(connection, sa.update(products).where(*_as_seen(seen)).values(**values, updated_at=updated_at))


def delete_product(connection: sa.Connection, seen: sa.Row[Any]) -> None:
    """Deletes a product that is still as it was `seen`. Raises RowChangedError."""
    _change_one(connection, sa.delete(products).where(*_as_seen(seen)))


def _as_seen(seen: sa.Row[Any]) -> tuple[sa.ColumnElement[bool], ...]:
    return products.c.asin == seen.asin, products.c.updated_at == seen.updated_at


def _change_one(connection: sa.Connection, statement: sa.Update | sa.Delete) -> None:
    """Raises RowChangedError where another transaction has written the row since it was read.

    That happens on Azure SQL only. A read with UPDLOCK would prevent it, but a write would then hold the lock on a
    product while it waits for a category; a merge takes these locks in the opposite order.
    """
    if connection.execute(statement).rowcount != 1:
        raise RowChangedError


def add_to_product_counts(connection: sa.Connection, changes: Mapping[int, int]) -> None:
    """Adds to the categories' counts in the order of their ids, so that two writers never wait for each other."""
    in_order = {key: changes[key] for key in sorted(changes)}
    if len(changes) > 1 and connection.dialect.name == "mssql":
        batches.add_to_product_counts(connection, in_order)
        return
    statement = sa.update(categories).where(categories.c.category_id == sa.bindparam("id"))
    statement = statement.values(product_count=categories.c.product_count + sa.bindparam("change"))
    connection.execute(statement, [{"id": key, "change": change} for key, change in in_order.items()])


def read_categories(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """All categories, by id."""
    return connection.execute(sa.select(categories).order_by(categories.c.category_id)).all()


def read_category(connection: sa.Connection, category_id: int) -> sa.Row[Any] | None:
    """The category with this id."""
    return connection.execute(sa.select(categories).where(categories.c.category_id == category_id)).one_or_none()


def insert_category(connection: sa.Connection, new: NewCategory) -> None:
    """Inserts a category; its id is new."""
    values = {field.column: getattr(new, field.name) for field in declared(NewCategory)}
    connection.execute(sa.insert(categories).values(**values, product_count=0))


def rename_category(connection: sa.Connection, category_id: int, name: str) -> None:
    """Renames a category."""
    connection.execute(sa.update(categories).where(categories.c.category_id == category_id).values(name=name))


def _is_narrowed(query: ProductQuery) -> bool:
    """Whether the list shows less than the catalog or a category."""
    return any(getattr(query, name) is not None for name in _NARROWING)


def _filters(query: ProductQuery) -> list[sa.ColumnElement[bool]]:
    return [
        compare(column, value) for name, column, compare in _CONDITIONS if (value := getattr(query, name)) is not None
    ]


def _parts[T](keys: list[T]) -> Iterable[list[T]]:
    return (keys[begin : begin + _MAX_KEYS] for begin in range(0, len(keys), _MAX_KEYS))
