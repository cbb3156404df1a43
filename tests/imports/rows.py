"""Reads and changes rows of the app's tables without the app, on SQLite or on a server."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from shared.database.metadata import IMPORT_SCHEMA
from shared.database.sqlite import files
from testkit import databases


class Rows:
    """Runs each statement in a transaction of its own."""

    def __init__(self, url: sa.URL) -> None:
        self._on_sqlite = url.get_backend_name() == "sqlite"
        if not self._on_sqlite:
            self._catalog = self._imports = databases.pooled_engine(url)
            return
        self._catalog = sa.create_engine(url, poolclass=sa.NullPool)
        imports = sa.create_engine(files.imports_url(url), poolclass=sa.NullPool)
        self._imports = imports.execution_options(schema_translate_map={IMPORT_SCHEMA: None})

    def read(self, statement: sa.Select[Any]) -> list[dict[str, Any]]:
        """The rows of the statement as dictionaries."""
        (table,) = statement.get_final_froms()
        with self._engine_of(table).connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def change(self, statement: sa.Insert | sa.Update | sa.Delete, *rows: dict[str, Any]) -> None:
        """Changes rows; `rows` are those of an INSERT."""
        with self._engine_of(statement.table).begin() as connection:
            connection.execute(statement, rows or None)

    def _engine_of(self, table: sa.FromClause) -> sa.Engine:
        return self._imports if getattr(table, "schema", None) else self._catalog
