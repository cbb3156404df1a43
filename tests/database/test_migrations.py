"""Migrations on SQLite: up, down, and in several processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import shared.catalog.tables
import shared.database.tables
import shared.imports.tables  # noqa: F401  # these three declare all tables
from shared.database import migrate
from shared.database.metadata import catalog_metadata, imports_metadata
from shared.database.sqlite import files


@pytest.fixture
def url(tmp_path: Path) -> sa.URL:
    return sa.make_url(f"sqlite:///{tmp_path / 'new' / 'catalog.db'}")


def without_schema(metadata: sa.MetaData) -> sa.MetaData:
    """The same tables without the schema, which is a file of its own on SQLite."""
    copy = sa.MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.tables.values():
        table.to_metadata(copy, schema=None)  # type: ignore[arg-type]  # None is documented
    return copy


def test_the_newest_schema_is_the_declared_one(url: sa.URL) -> None:
    migrate.upgrade(url)
    for line, metadata in {"catalog": catalog_metadata, "imports": without_schema(imports_metadata)}.items():
        engine = sa.create_engine(migrate.urls_of(url)["catalog" if line == "catalog" else "imports"])
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection,
                opts={
                    "compare_type": True,
                    "include_name": lambda name, kind, _parents: (
                        kind != "table" or not name.startswith(("alembic_version", "products_title_words"))
                    ),
                },
            )
            assert compare_metadata(context, metadata) == []


def test_down_and_up_again(url: sa.URL) -> None:
    migrate.upgrade(url)
    migrate.downgrade(url, "base")
    for line_url in migrate.urls_of(url).values():
        tables = sa.inspect(sa.create_engine(line_url)).get_table_names()
        assert [name for name in tables if not name.startswith("alembic_version")] == []
    migrate.upgrade(url)
    assert sa.inspect(sa.create_engine(url)).has_table("products")


def test_migrations_that_start_at_once_wait_for_each_other(url: sa.URL) -> None:
    with ThreadPoolExecutor(4) as pool:
        # In processes, since Alembic's context is global: only the file is shared.
        list(pool.map(lambda _: _migrate_in_a_process(url), range(4)))
    assert sa.inspect(sa.create_engine(files.imports_url(url))).has_table("import_records")


def _migrate_in_a_process(url: sa.URL) -> None:
    environment = os.environ | {"DATABASE_URL": str(url)}
    subprocess.run([sys.executable, "-m", "shared.database.migrate"], env=environment, check=True)
