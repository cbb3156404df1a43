"""The outbox's table: the cache library's, in this database's metadata and types. A migration creates it."""

from __future__ import annotations

from shared.cache.outbox import outbox_table
from shared.database.metadata import RowId, catalog_metadata
from shared.database.types import UtcTime, exact_ascii

cache_invalidations = outbox_table(catalog_metadata, RowId, exact_ascii(64), UtcTime())
