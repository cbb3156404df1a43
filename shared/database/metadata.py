"""The metadata that the tables of all rooms belong to.

On Azure SQL all tables stand in one database, those of imports in its schema `import`. SQLite has one writer per file,
so there the schema `import` is a file of its own, which can be written while a merge holds the catalog.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

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
RowId = BigInteger().with_variant(Integer(), "sqlite")

# Staging tables: on SQLite each run has a file of its own for them.
staging_metadata = MetaData(naming_convention=_NAMES, schema=IMPORT_SCHEMA)
