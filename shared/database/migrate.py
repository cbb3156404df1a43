"""`python -m shared.database.migrate`: upgrades the database that DATABASE_URL names to the newest schema.

The catalog and the imports have a line of revisions each, because on SQLite each is a file. On Azure SQL both lines,
the views and the procedures (programs.py) are one transaction, and a second migration waits for its end. The app itself
never migrates: in Azure its database user can't change the schema.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from shared.database.mssql import engines, features, locks, programs
from shared.database.sqlite import engines as sqlite_engines
from shared.database.sqlite import files
from shared.settings import Settings

type Line = Literal["catalog", "imports"]

LINES: tuple[Line, ...] = ("catalog", "imports")
_FOLDER = Path(__file__).parent / "migrations"


def upgrade(url: sa.URL) -> None:
    """Upgrades both lines to their newest revision. Two upgrades that start at once wait for each other."""
    if url.get_backend_name() == "sqlite":
        files.catalog_file(url).parent.mkdir(parents=True, exist_ok=True)
        for line, line_url in urls_of(url).items():
            with _sqlite_transaction(line_url) as connection:
                command.upgrade(config_of(line, connection=connection), "head")
        return
    with _azure_sql_transaction(url) as connection:
        for line in LINES:
            command.upgrade(config_of(line, connection=connection), "head")
        counts_code_points = not connection.exec_driver_sql(programs.COLLATION_QUERY).scalar_one()
        for program in programs.programs():
            connection.exec_driver_sql(program.definition(counts_code_points=counts_code_points))
    features.create_title_index(url)


def downgrade(url: sa.URL, revision: str) -> None:
    """Downgrades the line that has this revision to it; `base` drops the tables of both lines.

    On Azure SQL the views and procedures are dropped, because the tables that they read may be gone. An upgrade creates
    them again. Raises ValueError for an unknown revision.
    """
    lines = [line for line in reversed(LINES) if revision == "base" or revision in _revisions(line)]
    if not lines:
        known = ", ".join(name for line in LINES for name in sorted(_revisions(line)))
        raise ValueError(f"Expected base or one of {known}, got {revision}")
    if url.get_backend_name() == "sqlite":
        for line in lines:
            with _sqlite_transaction(urls_of(url)[line]) as connection:
                command.downgrade(config_of(line, connection=connection), revision)
        return
    if revision == "base":
        features.drop_title_index(url)
    with _azure_sql_transaction(url) as connection:
        for line in lines:
            command.downgrade(config_of(line, connection=connection), revision)


def urls_of(url: sa.URL) -> dict[Line, sa.URL]:
    """The database of each line's tables."""
    return {"catalog": url, "imports": files.imports_url(url) if url.get_backend_name() == "sqlite" else url}


def config_of(line: Line, **attributes: object) -> Config:
    """Alembic's configuration of a line; migrations/env.py reads the attributes."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("version_locations", str(_FOLDER / line))
    config.set_main_option("path_separator", "os")
    config.attributes.update(attributes, line=line)
    return config


def _revisions(line: Line) -> set[str]:
    return {item.revision for item in ScriptDirectory.from_config(config_of(line)).walk_revisions()}


@contextlib.contextmanager
def _sqlite_transaction(url: sa.URL) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"timeout": locks.SESSION_LOCK_SECONDS})
    sqlite_engines.prepare_engine(engine)
    # IMMEDIATE takes the lock that a second migration waits for.
    with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
        yield connection


@contextlib.contextmanager
def _azure_sql_transaction(url: sa.URL) -> Iterator[sa.Connection]:
    """A transaction that holds the migration lock, with the views and procedures dropped."""
    features.switch_on_row_versions(url)
    engine = engines.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        locks.take_session_lock(connection, "migrate")
        for program in reversed(programs.programs()):
            connection.exec_driver_sql(program.drop)
        yield connection


class MigrationSettings(BaseSettings):
    """The one setting that migrations need. They run where the app's other settings aren't known."""

    database_url: SecretStr = Settings.model_fields["database_url"].default


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m shared.database.migrate", description="Migrates DATABASE_URL.")
    parser.add_argument("--down", metavar="REVISION", help="downgrade to this; base drops all tables and data")
    options = parser.parse_args()
    url = sa.make_url(MigrationSettings().database_url.get_secret_value())
    if options.down is None:
        upgrade(url)
        return 0
    try:
        downgrade(url, options.down)
    except ValueError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
