"""The outbox's column is named after what it holds: the cache tag that a write invalidates."""

from __future__ import annotations

from alembic import op

revision = "c0002"
down_revision = "c0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes on from c0001."""
    op.alter_column("cache_invalidations", "scope", new_column_name="tag")


def downgrade() -> None:
    """Goes back to c0001."""
    op.alter_column("cache_invalidations", "tag", new_column_name="scope")
