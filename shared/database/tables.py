"""Every table of the application, for both dialects. migrations/ makes them; a test compares the two.

On Azure SQL all stand in one database, those of imports in its schema `import`. SQLite has one writer per
file, so there the schema `import` is a file of its own, writable while a merge holds the catalogue.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, Table

from shared.database.types import Hundredths, UtcTime, exact_ascii, exact_code, exact_long_text, exact_text

IMPORT_SCHEMA = "import"

_NAMES = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}
catalog_metadata = MetaData(naming_convention=_NAMES)
imports_metadata = MetaData(naming_convention=_NAMES, schema=IMPORT_SCHEMA)

# SQLite numbers rows by INTEGER only.
_RowId = BigInteger().with_variant(Integer(), "sqlite")

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
    Column("product_id", _RowId, primary_key=True, autoincrement=True),
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

# The outbox: written with the data that makes the scope stale, see cache/.
cache_invalidations = Table(
    "cache_invalidations",
    catalog_metadata,
    Column("invalidation_id", _RowId, primary_key=True, autoincrement=True),
    Column("scope", exact_ascii(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    # Null until Redis was told; a row is applied once more when 15 s old, then deleted.
    Column("applied_at", UtcTime),
)

# What a merge did, written in its own transaction: the one truth about an import's outcome.
import_outcomes = Table(
    "import_outcomes",
    catalog_metadata,
    Column("import_id", exact_code(36), primary_key=True),
    Column("blob_name", exact_text(1024), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("status", exact_ascii(10), nullable=False),  # succeeded, failed or cancelled
    Column("message", exact_text(2000)),
    Column("rows_read", BigInteger),
    Column("rows_inserted", BigInteger),
    Column("rows_updated", BigInteger),
    Column("rows_unchanged", BigInteger),
    Column("rows_superseded", BigInteger),
    Column("rows_rejected", BigInteger),
    Column("merged_at", UtcTime, nullable=False),
)

import_records = Table(
    "import_records",
    imports_metadata,
    # Counts the uploads: of two of the same blob the higher one is the newer.
    Column("sequence", _RowId, primary_key=True, autoincrement=True),
    Column("import_id", exact_code(36), nullable=False),
    Column("blob_name", exact_text(1024), nullable=False),
    Column("etag", exact_ascii(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("kind", exact_ascii(10)),  # products, categories, or null where the file was not recognised
    Column("status", exact_ascii(10), nullable=False),  # received, running, succeeded, rejected, failed, cancelled
    Column("message", exact_text(2000)),
    Column("max_reject_share", Float, nullable=False),
    Column("cancel_requested", Boolean, nullable=False, server_default="0"),
    Column("rows_read", BigInteger),
    Column("rows_inserted", BigInteger),
    Column("rows_updated", BigInteger),
    Column("rows_unchanged", BigInteger),
    Column("rows_superseded", BigInteger),
    Column("rows_rejected", BigInteger),
    Column("rows_per_second", Float),
    Column("progress", Float, nullable=False, server_default="0"),
    Column("seconds_left", Float),
    Column("steps", exact_long_text(), nullable=False, server_default="[]"),  # JSON: [{"name": …, "seconds": …}]
    Column("run_id", exact_ascii(64)),
    Column("uploaded_by", exact_ascii(128)),
    Column("received_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
)
Index("uq_import_records_import_id", import_records.c.import_id, unique=True)
Index("ix_import_records_status", import_records.c.status, import_records.c.sequence)

# Who asked for an upload URL: the blob's name leads from its import back to the user.
import_uploads = Table(
    "import_uploads",
    imports_metadata,
    # UUID/file name of at most 200 characters; a key of SQL Server ends at 900 bytes.
    Column("blob_name", exact_text(440), primary_key=True),
    Column("uploaded_by", exact_ascii(128)),
    Column("created_at", UtcTime, nullable=False),
)

import_rejects = Table(
    "import_rejects",
    imports_metadata,
    Column("import_id", exact_code(36), primary_key=True),
    Column("row_no", BigInteger, primary_key=True),
    Column("reason", exact_text(400), nullable=False),
    Column("fields", exact_long_text(), nullable=False),  # a JSON list of the row's texts, in the order of CSV_COLUMNS
)


# Data Factory's Copy fills these: every column as it came, in text; row_no follows the order of the file.
# On SQLite each run has a file of its own for them, which is dropped whole (see database/sqlite.py).
staging_metadata = MetaData(naming_convention=_NAMES, schema=IMPORT_SCHEMA)


# What the two kinds of CSV file have, in the order that rejects are given in.
CSV_COLUMNS = {
    "products": (
        "asin",
        "title",
        "imgUrl",
        "productURL",
        "stars",
        "reviews",
        "price",
        "listPrice",
        "category_id",
        "isBestSeller",
        "boughtInLastMonth",
    ),
    "categories": ("id", "category_name"),
}


def _staging(kind: str) -> Table:
    return Table(
        f"{kind}_staging",
        staging_metadata,
        Column("row_no", _RowId, primary_key=True, autoincrement=True),
        Column("run_id", exact_ascii(64), nullable=False),
        *(Column(name, exact_long_text()) for name in CSV_COLUMNS[kind]),
    )


products_staging = _staging("products")
categories_staging = _staging("categories")
