"""The outbox's table."""

from __future__ import annotations

from sqlalchemy import Column, Table

from shared.database.metadata import RowId, catalog_metadata
from shared.database.types import UtcTime, exact_ascii

# The outbox: written with the data that makes the tag stale, see cache/.
cache_invalidations = Table(
    "cache_invalidations",
    catalog_metadata,
    Column("invalidation_id", RowId, primary_key=True, autoincrement=True),
    Column("tag", exact_ascii(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    # Null until Redis was told; a row is applied once more when 15 s old, then deleted.
    Column("applied_at", UtcTime),
)
