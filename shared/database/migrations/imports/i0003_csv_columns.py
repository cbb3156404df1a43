"""Which columns an import's file has: the fields of the others keep their values."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.database.types import exact_ascii

revision = "i0003"
down_revision = "i0002"
branch_labels = None
depends_on = None


def _schema() -> str | None:
    """Returns the schema of imports; SQLite has none, its imports have a file of their own."""
    return None if op.get_context().dialect.name == "sqlite" else "import"


def upgrade() -> None:
    """Goes on from i0002."""
    op.add_column("import_records", sa.Column("csv_columns", exact_ascii(400)), schema=_schema())


def downgrade() -> None:
    """Goes back to i0002."""
    op.drop_column("import_records", "csv_columns", schema=_schema())
