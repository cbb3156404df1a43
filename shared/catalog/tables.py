"""The tables of products and categories. Migrations create them; a test compares the two."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table

from shared.database.metadata import RowId, catalog_metadata
from shared.database.types import Hundredths, UtcTime, exact_code, exact_text

# The API counts text in code points, NVARCHAR in UTF-16 units: so twice the length.
categories = Table(
    "categories",
    catalog_metadata,
    Column("category_id", Integer, primary_key=True, autoincrement=False),
    Column("name", exact_text(400), nullable=False),
    # Kept with the products, in their transactions: counting 1.4 million on each read costs 0.1 s.
    Column("product_count", Integer, nullable=False, server_default="0"),
)

products = Table(
    "products",
    catalog_metadata,
    Column("product_id", RowId, primary_key=True, autoincrement=True),
    Column("asin", exact_code(10), nullable=False),
    Column("title", exact_text(2000), nullable=False),
    Column("image_url", exact_text(4000)),
    Column("product_url", exact_text(4000)),
    Column("stars", Hundredths(3)),
    Column("reviews", Integer, nullable=False),
    Column("price", Hundredths(10)),
    Column("list_price", Hundredths(10)),
    Column("category_id", Integer, ForeignKey(categories.c.category_id), nullable=False),
    Column("is_best_seller", Boolean, nullable=False),
    Column("bought_in_last_month", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

# One index per sort, with and without a category, each ending in asin: every page is a seek (catalog/paging.py).
# On Azure SQL the two by asin hold what filters ask for too: counting what they leave reads no product.
FILTERS = ("price", "stars", "is_best_seller")
Index("uq_products_asin", products.c.asin, unique=True, mssql_include=FILTERS)
Index("ix_products_price", products.c.price, products.c.asin)
Index("ix_products_stars", products.c.stars, products.c.asin)
Index("ix_products_reviews", products.c.reviews, products.c.asin)
Index("ix_products_bought_in_last_month", products.c.bought_in_last_month, products.c.asin)
Index("ix_products_category", products.c.category_id, products.c.asin, mssql_include=FILTERS)
Index("ix_products_category_price", products.c.category_id, products.c.price, products.c.asin)
Index("ix_products_category_stars", products.c.category_id, products.c.stars, products.c.asin)
Index("ix_products_category_reviews", products.c.category_id, products.c.reviews, products.c.asin)
Index(
    "ix_products_category_bought_in_last_month",
    products.c.category_id,
    products.c.bought_in_last_month,
    products.c.asin,
)
