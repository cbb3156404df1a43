"""Products and categories, the outbox of invalidations, the outcomes of imports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.database.types import Hundredths, UtcTime, exact_ascii, exact_code, exact_text

revision = "c0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# What filters ask for: counting what they leave reads no product.
_FILTERS = ["price", "stars", "is_best_seller"]
_INDEXES = {
    "ix_products_price": ["price", "asin"],
    "ix_products_stars": ["stars", "asin"],
    "ix_products_reviews": ["reviews", "asin"],
    "ix_products_bought_in_last_month": ["bought_in_last_month", "asin"],
    "ix_products_category": ["category_id", "asin"],
    "ix_products_category_price": ["category_id", "price", "asin"],
    "ix_products_category_stars": ["category_id", "stars", "asin"],
    "ix_products_category_reviews": ["category_id", "reviews", "asin"],
    "ix_products_category_bought_in_last_month": ["category_id", "bought_in_last_month", "asin"],
}

# Contentless: the titles stand in products, the index holds words only. `detail=none`: no phrases are asked for.
# The triggers keep it in the transaction of the row; a contentless table is told the old text to forget it.
_SQLITE_TITLE_WORDS = (
    """
    CREATE VIRTUAL TABLE products_title_words USING fts5(
        title, content='', columnsize=0, detail='none', tokenize="unicode61 remove_diacritics 2"
    )
    """,
    """
    CREATE TRIGGER products_title_inserted AFTER INSERT ON products BEGIN
        INSERT INTO products_title_words (rowid, title) VALUES (new.product_id, new.title);
    END
    """,
    """
    CREATE TRIGGER products_title_deleted AFTER DELETE ON products BEGIN
        INSERT INTO products_title_words (products_title_words, rowid, title)
        VALUES ('delete', old.product_id, old.title);
    END
    """,
    """
    CREATE TRIGGER products_title_updated AFTER UPDATE OF title ON products WHEN new.title IS NOT old.title BEGIN
        INSERT INTO products_title_words (products_title_words, rowid, title)
        VALUES ('delete', old.product_id, old.title);
        INSERT INTO products_title_words (rowid, title) VALUES (new.product_id, new.title);
    END
    """,
)


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "categories",
        sa.Column("category_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("name", exact_text(400), nullable=False),
        sa.Column("product_count", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("category_id", name="pk_categories"),
    )
    op.create_table(
        "products",
        sa.Column("product_id", _ROW_ID, nullable=False, autoincrement=True),
        sa.Column("asin", exact_code(10), nullable=False),
        sa.Column("title", exact_text(2000), nullable=False),
        sa.Column("image_url", exact_text(4000)),
        sa.Column("product_url", exact_text(4000)),
        sa.Column("stars", Hundredths(3)),
        sa.Column("reviews", sa.Integer(), nullable=False),
        sa.Column("price", Hundredths(10)),
        sa.Column("list_price", Hundredths(10)),
        sa.Column("category_id", sa.Integer(), nullable=False),
        sa.Column("is_best_seller", sa.Boolean(), nullable=False),
        sa.Column("bought_in_last_month", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", name="pk_products"),
        sa.ForeignKeyConstraint(["category_id"], ["categories.category_id"], name="fk_products_category_id"),
    )
    op.create_index("uq_products_asin", "products", ["asin"], unique=True, mssql_include=_FILTERS)
    for name, columns in _INDEXES.items():
        include = _FILTERS if name == "ix_products_category" else []
        op.create_index(name, "products", columns, mssql_include=include)
    op.create_table(
        "cache_invalidations",
        sa.Column("invalidation_id", _ROW_ID, nullable=False, autoincrement=True),
        sa.Column("scope", exact_ascii(64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("applied_at", UtcTime()),
        sa.PrimaryKeyConstraint("invalidation_id", name="pk_cache_invalidations"),
    )
    op.create_table(
        "import_outcomes",
        sa.Column("import_id", exact_code(36), nullable=False),
        sa.Column("blob_name", exact_text(1024), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("status", exact_ascii(10), nullable=False),
        sa.Column("message", exact_text(2000)),
        sa.Column("rows_read", sa.BigInteger()),
        sa.Column("rows_inserted", sa.BigInteger()),
        sa.Column("rows_updated", sa.BigInteger()),
        sa.Column("rows_unchanged", sa.BigInteger()),
        sa.Column("rows_superseded", sa.BigInteger()),
        sa.Column("rows_rejected", sa.BigInteger()),
        sa.Column("merged_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", name="pk_import_outcomes"),
    )
    if op.get_context().dialect.name == "sqlite":
        for statement in _SQLITE_TITLE_WORDS:
            op.execute(statement)


def downgrade() -> None:
    """Drops the tables, and with them all data."""
    op.drop_table("import_outcomes")
    op.drop_table("cache_invalidations")
    op.drop_table("products")
    op.drop_table("categories")
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TABLE products_title_words")
