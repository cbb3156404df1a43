"""`python -m shared.database.migrate`: brings the database that DATABASE_URL names to the newest schema.

The catalogue and the imports have a line of revisions each, since on SQLite they are a file each.
The app itself never does this: in Azure its database user can't change the schema.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from shared.database import sqlite
from shared.settings import Settings

type Line = Literal["catalog", "imports"]

LINES: tuple[Line, ...] = ("catalog", "imports")
_FOLDER = Path(__file__).parent / "migrations"


def config_of(line: Line, url: sa.URL) -> Config:
    """Alembic's configuration for one line of revisions in the database at `url`."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("version_locations", str(_FOLDER / line))
    config.set_main_option("path_separator", "os")
    config.attributes["line"] = line
    config.attributes["url"] = url
    return config


def urls_of(url: sa.URL) -> dict[Line, sa.URL]:
    """Where each line's tables stand."""
    if url.get_backend_name() == "sqlite":
        return {"catalog": url, "imports": sqlite.imports_url(url)}
    return {"catalog": url, "imports": url}


def upgrade(url: sa.URL, revision: str = "head") -> None:
    """Brings both lines to `revision`; two that start at once wait for each other."""
    if url.get_backend_name() == "sqlite":
        sqlite.catalog_file(url).parent.mkdir(parents=True, exist_ok=True)
    for line, line_url in urls_of(url).items():
        command.upgrade(config_of(line, line_url), revision)


def downgrade(url: sa.URL, revision: str) -> None:
    """Takes both lines back to `revision` (`base`: no tables)."""
    for line, line_url in urls_of(url).items():
        command.downgrade(config_of(line, line_url), revision)


class MigrationSettings(BaseSettings):
    """The one setting that migrations need: they run where the app's others aren't known."""

    database_url: SecretStr = Settings.model_fields["database_url"].default


if __name__ == "__main__":
    upgrade(sa.make_url(MigrationSettings().database_url.get_secret_value()))
