"""Keyset paging over a table of the test's own: any column type, nulls last, ties by ascending key, both directions."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from shared.database.keyset import Order, read_page
from shared.database.types import Hundredths, UtcTime, exact_text

_ROWS = 60
_BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("thing_id", sa.Integer, primary_key=True),
    sa.Column("code", exact_text(20), nullable=False, unique=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("price", Hundredths(10)),
    sa.Column("seen_at", UtcTime),
    sa.Column("name", exact_text(20)),
)
ORDERS = [
    Order(things.c[column], things.c[key], descending)
    for column, key in itertools.product(("size", "price", "seen_at", "name", "thing_id", "code"), ("thing_id", "code"))
    for descending in (False, True)
    if column == key or column not in {"thing_id", "code"}
]


@pytest.fixture(scope="module")
def connection() -> Iterator[sa.Connection]:
    """A connection to a table with many ties and nulls."""
    draw = random.Random(3)
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        things.create(connection)
        rows = [
            {
                "code": f"c{code}",
                "size": draw.randrange(4),
                "price": draw.choice((None, Decimal("9.99"), Decimal("0.10"), Decimal(draw.randrange(9)))),
                "seen_at": draw.choice((None, _BEGAN, _BEGAN + dt.timedelta(microseconds=draw.randrange(5)))),
                "name": draw.choice((None, "Tea", "tea", "\N{LATIN SMALL LETTER E WITH ACUTE}")),
            }
            for code in draw.sample(range(100, 999), _ROWS)
        ]
        connection.execute(sa.insert(things), rows)
        yield connection
    engine.dispose()


def expected(rows: list[sa.Row[Any]], order: Order) -> list[int]:
    """An independent reading: sorted by key, then (stably) by value, then the nulls."""
    by_key = sorted(rows, key=lambda row: getattr(row, order.key.name), reverse=order.by_key and order.descending)
    values = [row for row in by_key if getattr(row, order.column.name) is not None]
    nulls = [row for row in by_key if getattr(row, order.column.name) is None]
    if not order.by_key:
        values.sort(key=lambda row: getattr(row, order.column.name), reverse=order.descending)
    return [row.thing_id for row in [*values, *nulls]]


@pytest.mark.parametrize("count", [1, 7, 100])
@pytest.mark.parametrize(
    "order", ORDERS, ids=lambda order: f"{'-' * order.descending}{order.column.name},{order.key.name}"
)
def test_a_walk_shows_each_row_once_and_in_order(connection: sa.Connection, order: Order, count: int) -> None:
    rows = sa.select(things)
    walked: list[int] = []
    after = None
    while page := read_page(connection, rows, order, after, count):
        walked += [row.thing_id for row in page]
        cursor = json.loads(json.dumps(order.encode(page[-1])))
        after = order.decode(cursor)
        assert after == order.position(page[-1])
    assert walked == expected(list(connection.execute(rows)), order)
