"""Records of imports, who asked for their upload, and the rows that were rejected."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.database.types import UtcTime, exact_ascii, exact_code, exact_long_text, exact_text

revision = "i0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _schema() -> str | None:
    """SQLite has no schemas: there the file is one of its own."""
    return None if op.get_context().dialect.name == "sqlite" else "import"


def upgrade() -> None:
    """Makes the tables."""
    schema = _schema()
    if schema:
        op.execute(f"CREATE SCHEMA [{schema}]")
    op.create_table(
        "import_records",
        sa.Column("sequence", _ROW_ID, nullable=False, autoincrement=True),
        sa.Column("import_id", exact_code(36), nullable=False),
        sa.Column("blob_name", exact_text(1024), nullable=False),
        sa.Column("etag", exact_ascii(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("kind", exact_ascii(10)),
        sa.Column("status", exact_ascii(10), nullable=False),
        sa.Column("message", exact_text(2000)),
        sa.Column("max_reject_share", sa.Float(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False, server_default="0"),
        sa.Column("rows_read", sa.BigInteger()),
        sa.Column("rows_inserted", sa.BigInteger()),
        sa.Column("rows_updated", sa.BigInteger()),
        sa.Column("rows_unchanged", sa.BigInteger()),
        sa.Column("rows_superseded", sa.BigInteger()),
        sa.Column("rows_rejected", sa.BigInteger()),
        sa.Column("rows_per_second", sa.Float()),
        sa.Column("progress", sa.Float(), nullable=False, server_default="0"),
        sa.Column("seconds_left", sa.Float()),
        sa.Column("steps", exact_long_text(), nullable=False, server_default="[]"),
        sa.Column("run_id", exact_ascii(64)),
        sa.Column("uploaded_by", exact_ascii(128)),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("started_at", UtcTime()),
        sa.Column("finished_at", UtcTime()),
        sa.PrimaryKeyConstraint("sequence", name="pk_import_records"),
        schema=schema,
    )
    op.create_index("uq_import_records_import_id", "import_records", ["import_id"], unique=True, schema=schema)
    op.create_index("ix_import_records_status", "import_records", ["status", "sequence"], schema=schema)
    op.create_index("ix_import_records_blob_name", "import_records", ["blob_name", "etag"], schema=schema)
    op.create_table(
        "import_uploads",
        sa.Column("blob_name", exact_text(440), nullable=False),
        sa.Column("uploaded_by", exact_ascii(128)),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("blob_name", name="pk_import_uploads"),
        schema=schema,
    )
    op.create_table(
        "import_rejects",
        sa.Column("import_id", exact_code(36), nullable=False),
        sa.Column("row_no", sa.BigInteger(), nullable=False),
        sa.Column("reason", exact_text(400), nullable=False),
        sa.Column("fields", exact_long_text(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "row_no", name="pk_import_rejects"),
        schema=schema,
    )


def downgrade() -> None:
    """Drops the tables, and with them all data."""
    schema = _schema()
    op.drop_table("import_rejects", schema=schema)
    op.drop_table("import_uploads", schema=schema)
    op.drop_table("import_records", schema=schema)
    if schema:
        op.execute(f"DROP SCHEMA [{schema}]")
