"""Keyset paging over any table and order: each page is a few seeks in one index, without a scan or a sort.

An order is a column and a unique key; the index is (column, key). A page is put together from ranges of it, each read
only where those before did not fill the page:

    the rest of the tie       column = value and key > last key     ascending by key
    the values after it       column > value (or <, descending)     by column, key
    the nulls                 column is null and key > last key     ascending by key

For a descending order the index is read backwards, which gives ties by descending key. So the last value, whose tie the
limit may have cut, is read once more on its own: ties go by ascending key in both directions with one index.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from shared.http.cursors import check_position

# SQLite's form of a value is the one that JSON has exactly: a price in cents, a time in microseconds.
_JSON_DIALECT = sqlite.dialect()


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the order's value there (None: among the nulls, or none but the key), and the key."""

    value: Any
    key: Any


@dataclass(frozen=True, slots=True)
class Order:
    """Rows by a column, nulls last, ties by ascending unique key. The column may be the key itself."""

    column: sa.Column[Any]
    key: sa.Column[Any]
    descending: bool = False

    @property
    def by_key(self) -> bool:
        """Whether the column is the key itself."""
        return self.column is self.key

    def position(self, row: sa.Row[Any]) -> Position:
        """Where a page ends whose last row is this."""
        return Position(None if self.by_key else getattr(row, self.column.name), getattr(row, self.key.name))

    def encode(self, row: sa.Row[Any]) -> list[str | int | None]:
        """The position of a page's last row, as a cursor carries it."""
        position = self.position(row)
        return [_encoded(self.column, position.value), _encoded(self.key, position.key)]

    def decode(self, cursor: Sequence[str | int | None]) -> Position:
        """The position that `encode` was given. Raises BadRequestError for what `encode` can't have made."""
        nullable = {type(None)} if self.column.nullable else set()
        values = {type(None)} if self.by_key else {_encoded_type(self.column), *nullable}
        check_position(cursor, values, {_encoded_type(self.key)})
        value, key = cursor
        return Position(_decoded(self.column, value), _decoded(self.key, key))


def read_page(
    connection: sa.Connection, rows: sa.Select[Any], order: Order, after: Position | None, count: int
) -> Sequence[sa.Row[Any]]:
    """At most `count` of `rows` (a select with its filters, in no order) in this order, from `after` on."""
    column, key, descending = order.column, order.key, order.descending
    page: list[sa.Row[Any]] = []

    def fetch(part: sa.Select[Any], *by: sa.ColumnElement[Any]) -> Sequence[sa.Row[Any]]:
        return connection.execute(part.order_by(*by).limit(count - len(page))).all()

    if order.by_key:
        part = rows.where(key < after.key if descending else key > after.key) if after else rows
        return fetch(part, key.desc() if descending else key)
    if after and after.value is not None:
        page += fetch(rows.where(column == after.value, key > after.key), key)
    if (not after or after.value is not None) and len(page) < count:
        beyond: sa.ColumnElement[bool] = column.is_not(None)
        if after:
            beyond = column < after.value if descending else column > after.value
        if descending:
            whole, last = _whole_ties(fetch(rows.where(beyond), column.desc(), key.desc()), order)
            page += whole
            if last is not None:
                page += fetch(rows.where(column == last), key)
        else:
            page += fetch(rows.where(beyond), column, key)
    if column.nullable and len(page) < count:
        nulls = rows.where(column.is_(None))
        if after and after.value is None:
            nulls = nulls.where(key > after.key)
        page += fetch(nulls, key)
    return page


def _whole_ties(backwards: Sequence[sa.Row[Any]], order: Order) -> tuple[list[sa.Row[Any]], Any]:
    """Rows of all values but the last, ties by ascending key; and the last value, whose tie may be cut."""
    ties = [list(tie) for _, tie in itertools.groupby(backwards, lambda row: order.position(row).value)]
    last = order.position(backwards[-1]).value if backwards else None
    return [row for tie in ties[:-1] for row in reversed(tie)], last


def _encoded_type(column: sa.Column[Any]) -> type:
    """The JSON type of the column's values, in which `_encoded` gives them."""
    kind = column.type.dialect_impl(_JSON_DIALECT)
    return (kind.impl_instance if isinstance(kind, sa.TypeDecorator) else kind).python_type


def _encoded(column: sa.Column[Any], value: Any) -> Any:  # noqa: ANN401  # a value of any column
    encode = column.type.dialect_impl(_JSON_DIALECT).bind_processor(_JSON_DIALECT)
    return encode(value) if encode and value is not None else value


def _decoded(column: sa.Column[Any], value: Any) -> Any:  # noqa: ANN401  # a value of any column
    decode = column.type.dialect_impl(_JSON_DIALECT).result_processor(_JSON_DIALECT, None)
    return decode(value) if decode and value is not None else value
