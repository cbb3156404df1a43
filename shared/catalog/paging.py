"""Pages by key: whatever the page's number, it is a few seeks in one index, without a scan or a sort.

Each sort has an index (column, asin), and one (category_id, column, asin). A page is put together from ranges of it,
each read only where those before did not fill the page:

    the rest of the tie       column = value and asin > last asin     ascending by asin
    the values behind it      column > value (or <, descending)       by column, asin
    the nulls                 column is null and asin > last asin     ascending by asin

Descending, the index is read backwards, which gives ties by descending asin. So the last value, whose tie the limit
may have cut, is read once more on its own: ties go by ascending asin in both directions with one index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from shared.catalog.tables import products

_NULLABLE = frozenset({"price", "stars"})


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the sort column's value there (None: among the nulls), and the asin."""

    value: Decimal | int | None
    asin: str


@dataclass(frozen=True, slots=True)
class Order:
    """A sort: a column of products and its direction."""

    column: sa.Column[Any]
    descending: bool

    @classmethod
    def of(cls, sort: str) -> Order:
        """The order that api.md spells as `price` or `-price`."""
        return cls(products.c[sort.removeprefix("-")], sort.startswith("-"))

    @property
    def by_asin(self) -> bool:
        """Whether the column is the key itself."""
        return self.column is products.c.asin

    def position(self, row: sa.Row[Any]) -> Position:
        """Where a page ends whose last row is this."""
        return Position(None if self.by_asin else getattr(row, self.column.name), row.asin)


def read_page(
    connection: sa.Connection, rows: sa.Select[Any], order: Order, after: Position | None, count: int
) -> Sequence[sa.Row[Any]]:
    """At most `count` of `rows` (a select of products with its filters), from `after` on."""
    if order.by_asin:
        return _by_asin(connection, rows, order, after, count)
    column = order.column
    page: list[sa.Row[Any]] = []
    if after and after.value is not None:
        page += _tie(connection, rows, column == after.value, after.asin, count)
    if (not after or after.value is not None) and len(page) < count:
        beyond: sa.ColumnElement[bool] = column.is_not(None)
        if after:
            beyond = column < after.value if order.descending else column > after.value
        page += _values(connection, rows.where(beyond), rows, order, count - len(page))
    if column.name in _NULLABLE and len(page) < count:
        last_null = after.asin if after and after.value is None else ""
        page += _tie(connection, rows, column.is_(None), last_null, count - len(page))
    return page


def _by_asin(
    connection: sa.Connection, rows: sa.Select[Any], order: Order, after: Position | None, count: int
) -> Sequence[sa.Row[Any]]:
    asin = products.c.asin
    if after:
        rows = rows.where(asin < after.asin if order.descending else asin > after.asin)
    return connection.execute(rows.order_by(asin.desc() if order.descending else asin).limit(count)).all()


def _tie(
    connection: sa.Connection, rows: sa.Select[Any], same: sa.ColumnElement[bool], after_asin: str, count: int
) -> Sequence[sa.Row[Any]]:
    """Rows of one value, by asin."""
    asin = products.c.asin
    return connection.execute(rows.where(same, asin > after_asin).order_by(asin).limit(count)).all()


def _values(
    connection: sa.Connection, beyond: sa.Select[Any], rows: sa.Select[Any], order: Order, count: int
) -> Sequence[sa.Row[Any]]:
    """Rows of a range of values."""
    column, asin = order.column, products.c.asin
    if not order.descending:
        return connection.execute(beyond.order_by(column, asin).limit(count)).all()
    found = connection.execute(beyond.order_by(column.desc(), asin.desc()).limit(count)).all()
    if not found:
        return []
    last = order.position(found[-1]).value
    whole = [row for row in found if order.position(row).value != last]
    whole.sort(key=lambda row: row.asin)
    whole.sort(key=lambda row: order.position(row).value, reverse=True)  # type: ignore[arg-type,return-value]  # no nulls here
    return [*whole, *_tie(connection, rows, column == last, "", count - len(whole))]
