"""The catalog's and the imports' databases, as DATABASE_URL names them."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database.metadata import IMPORT_SCHEMA
from shared.database.retry_policy import RetryPolicy
from shared.database.sqlite import engines as sqlite_engines
from shared.database.sqlite import files
from shared.database.transactions import Transactions
from shared.settings import Settings
from shared.telemetry import metrics
from shared.telemetry.executor import ContextExecutor


class Database:
    """Transactions on the catalog and on the imports: two files on SQLite, one database on Azure SQL."""

    def __init__(self, settings: Settings) -> None:
        self.url = sa.make_url(settings.database_url.get_secret_value())
        self._settings = settings
        self._executor = ContextExecutor(settings.database_pool_size, "sql")
        if self.url.get_backend_name() == "sqlite":
            self.catalog, self.imports = self._on_sqlite()
        else:
            self.catalog = self.imports = self._on_azure_sql()

    def close(self) -> None:
        """Ends the threads and connections, after waiting for statements that run."""
        self._executor.close()
        self.catalog.close()
        self.imports.close()

    def _on_sqlite(self) -> tuple[Transactions, Transactions]:
        catalog = sqlite_engines.app_engine(self.url, self._settings)
        imports = sqlite_engines.app_engine(files.imports_url(self.url), self._settings)
        imports = imports.execution_options(schema_translate_map={IMPORT_SCHEMA: None})
        metrics.SQL_POOL.watch(catalog, "catalog")
        metrics.SQL_POOL.watch(imports, "imports")
        return self._transactions(catalog, catalog), self._transactions(imports, imports)

    def _on_azure_sql(self) -> Transactions:
        from shared.database.mssql.engines import app_engine

        # A page is read in several statements, between which an import may commit: SNAPSHOT shows them one state.
        # A write waits for locks instead, because a snapshot that is outdated can only begin again.
        reading = app_engine(self.url, self._settings, "SNAPSHOT")
        writing = app_engine(self.url, self._settings, "READ COMMITTED")
        metrics.SQL_POOL.watch(reading, "reads")
        metrics.SQL_POOL.watch(writing, "writes")
        return self._transactions(writing, reading)

    def _transactions(self, writing: sa.Engine, reading: sa.Engine) -> Transactions:
        policy = RetryPolicy(total=self._settings.database_retry_seconds)
        return Transactions(writing, reading, self._executor, self._settings.database_statement_seconds, policy)
