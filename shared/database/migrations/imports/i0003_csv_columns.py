"""Adds the known columns of the uploaded file to the import records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.database.types import exact_ascii

revision = "i0003"
down_revision = "i0002"
branch_labels = None
depends_on = None


def _schema() -> str | None:
    """SQLite has no schemas: the imports have a file of their own there."""
    return None if op.get_context().dialect.name == "sqlite" else "import"


def upgrade() -> None:
    """Adds a nullable column: the version before ignores it."""
    op.add_column("import_records", sa.Column("csv_columns", exact_ascii(400)), schema=_schema())


def downgrade() -> None:
    """Drops the column."""
    op.drop_column("import_records", "csv_columns", schema=_schema())
