"""Staging tables on Azure SQL (on SQLite each run has a file of its own for them); an index that nothing asks goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.database.types import exact_ascii, exact_long_text

revision = "i0002"
down_revision = "i0001"
branch_labels = None
depends_on = None

_SCHEMA = "import"
_FIELDS = {
    "products_staging": (
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
    "categories_staging": ("id", "category_name"),
}


def _is_sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"


def upgrade() -> None:
    """Goes on from i0001."""
    # Blob names may be longer than a key of SQL Server.
    op.drop_index("ix_import_records_blob_name", "import_records", schema=None if _is_sqlite() else _SCHEMA)
    if _is_sqlite():
        return
    # Ordered by row_no, which is the order of the file: rows are appended as they come, and the merge goes through
    # them in this order, joins what it found out about them by it, and deletes them by it. A heap would need an index
    # for that; a columnstore is read faster by a billion rows, but Azure SQL has it from S3 up only, and what reads
    # these rows reads all of their columns (docs/azure-sql.md, "The merge").
    for table, fields in _FIELDS.items():
        op.create_table(
            table,
            sa.Column("row_no", sa.BigInteger(), nullable=False, autoincrement=True),
            sa.Column("run_id", exact_ascii(64), nullable=False),
            *(sa.Column(field, exact_long_text()) for field in fields),
            sa.PrimaryKeyConstraint("row_no", name=f"pk_{table}"),
            schema=_SCHEMA,
        )


def downgrade() -> None:
    """Goes back to i0001."""
    if not _is_sqlite():
        for table in reversed(_FIELDS):
            op.drop_table(table, schema=_SCHEMA)
    op.create_index(
        "ix_import_records_blob_name",
        "import_records",
        ["blob_name", "etag"],
        schema=None if _is_sqlite() else _SCHEMA,
    )
