"""The catalog's and the imports' databases, as DATABASE_URL names them."""

from __future__ import annotations

import logging
import time

import sqlalchemy as sa

from shared.database.metadata import IMPORT_SCHEMA
from shared.database.retry_policy import RetryPolicy
from shared.database.sqlite import engines as sqlite_engines
from shared.database.sqlite import files
from shared.database.transactions import Transactions
from shared.settings import Settings
from shared.telemetry import metrics
from shared.telemetry.executor import ContextExecutor

log = logging.getLogger(__name__)

_TITLE_INDEX = "SELECT COUNT(*) FROM sys.fulltext_indexes WHERE object_id = OBJECT_ID(N'dbo.products')"
# A deployment makes the index while older processes may still run.
_LOOK_AGAIN_SECONDS = 60.0


class Database:
    """Transactions on the catalog and on the imports: two files on SQLite, one database on Azure SQL."""

    def __init__(self, settings: Settings) -> None:
        self.url = sa.make_url(settings.database_url.get_secret_value())
        self._settings = settings
        self._executor = ContextExecutor(settings.database_pool_size, "sql")
        if self.url.get_backend_name() == "sqlite":
            self.catalog, self.imports = self._on_sqlite()
            self._has_title_words = True
        else:
            self.catalog = self.imports = self._on_azure_sql()
            self._has_title_words = False  # until it is looked for
        self._look_again_at = time.monotonic()

    async def has_title_words(self) -> bool:
        """Whether titles can be searched for words. Raises UnavailableError where the database can't be asked."""
        if not self._has_title_words and time.monotonic() >= self._look_again_at:
            self._has_title_words = await self.catalog.read(_has_title_index)
            self._look_again_at = time.monotonic() + _LOOK_AGAIN_SECONDS
            if not self._has_title_words:
                log.warning("The database has no full-text index of the products' titles: requests with q get 501.")
        return self._has_title_words

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


def _has_title_index(connection: sa.Connection) -> bool:
    return bool(connection.exec_driver_sql(_TITLE_INDEX).scalar_one())
