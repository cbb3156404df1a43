"""Many rows as one parameter, a JSON text, on Azure SQL.

Bound as an array of parameters they would cost more: pyodbc then asks the server for each parameter's type, a round
trip for which all threads wait.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from shared.catalog.schemas import NewProduct
from shared.database.types import UtcTime

_ROWS = sa.bindparam("rows", type_=sa.UnicodeText())
# The types are those of the columns (database/tables.py).
_INSERT_PRODUCTS = sa.text("""
INSERT INTO products (
    asin, title, image_url, product_url, stars, reviews, price, list_price, category_id, is_best_seller,
    bought_in_last_month, created_at, updated_at
)
SELECT
    asin, title, image_url, product_url, stars, reviews, price, list_price, category_id, is_best_seller,
    bought_in_last_month, :now, :now
FROM OPENJSON(:rows) WITH (
    asin CHAR(10),
    title NVARCHAR(2000),
    image_url NVARCHAR(4000),
    product_url NVARCHAR(4000),
    stars DECIMAL(3, 2),
    reviews INT,
    price DECIMAL(10, 2),
    list_price DECIMAL(10, 2),
    category_id INT,
    is_best_seller BIT,
    bought_in_last_month INT
)
""").bindparams(_ROWS, sa.bindparam("now", type_=UtcTime()))
# By the categories' key, in the order of the text, so that two writers take their locks in one order.
_ADD_TO_COUNTS = sa.text("""
UPDATE categories
SET product_count = categories.product_count + changed.change
FROM OPENJSON(:rows) WITH (category_id INT, change INT) AS changed
INNER JOIN categories ON categories.category_id = changed.category_id
OPTION (LOOP JOIN, FORCE ORDER)
""").bindparams(_ROWS)


def insert_products(connection: sa.Connection, new: Sequence[NewProduct], now: dt.datetime) -> None:
    """Inserts the products."""
    rows = json.dumps([item.model_dump() for item in new], default=str, ensure_ascii=False)
    connection.execute(_INSERT_PRODUCTS, {"rows": rows, "now": now})


def add_to_product_counts(connection: sa.Connection, changes: Mapping[int, int]) -> None:
    """Adds to the categories' counts, in the order given."""
    rows = json.dumps([{"category_id": key, "change": change} for key, change in changes.items()])
    connection.execute(_ADD_TO_COUNTS, {"rows": rows})
