"""The catalog's and the imports' databases, as DATABASE_URL names them."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from sqlalchemy import event

from shared.database.metadata import IMPORT_SCHEMA
from shared.database.retry_policy import RetryPolicy
from shared.database.sqlite import files
from shared.database.transactions import Store
from shared.settings import Settings
from shared.telemetry import metrics

log = logging.getLogger(__name__)

_TITLE_INDEX = "SELECT COUNT(*) FROM sys.fulltext_indexes WHERE object_id = OBJECT_ID(N'dbo.products')"
# A deployment makes the index, while processes of before may run on.
_LOOK_AGAIN_SECONDS = 60.0


class Database:
    """The catalog's store and the imports' store: two files on SQLite, one database on Azure SQL."""

    def __init__(self, settings: Settings) -> None:
        self.url = sa.make_url(settings.database_url.get_secret_value())
        self._executor = ThreadPoolExecutor(settings.database_pool_size, thread_name_prefix="sql")
        self._limit = settings.database_statement_seconds
        self._waits = RetryPolicy(total=settings.database_retry_seconds)
        if self.url.get_backend_name() == "sqlite":
            self.catalog, self.imports = self._on_sqlite(settings)
            self._has_title_words = True
        else:
            self.catalog = self.imports = self._on_azure_sql(settings)
            self._has_title_words = False  # until it is looked for
        self._look_again_at = time.monotonic()

    def _on_sqlite(self, settings: Settings) -> tuple[Store, Store]:
        imports = _sqlite_engine(files.imports_url(self.url), settings)
        imports = imports.execution_options(schema_translate_map={IMPORT_SCHEMA: None})
        catalog = _sqlite_engine(self.url, settings)
        metrics.SQL_POOL.watch(catalog, "catalog")
        metrics.SQL_POOL.watch(imports, "imports")
        return self._store(catalog), self._store(imports)

    def _on_azure_sql(self, settings: Settings) -> Store:
        from shared.database.mssql.engines import app_engine

        # A page is read in several statements, between which an import may commit: SNAPSHOT shows them one state.
        # A write waits for others' locks instead, since a snapshot that has been overtaken could only begin anew.
        reading = app_engine(self.url, settings, "SNAPSHOT")
        writing = app_engine(self.url, settings, "READ COMMITTED")
        metrics.SQL_POOL.watch(reading, "reads")
        metrics.SQL_POOL.watch(writing, "writes")
        return self._store(writing, reading)

    def _store(self, engine: sa.Engine, reading: sa.Engine | None = None) -> Store:
        return Store(engine, reading or engine, self._executor, self._limit, self._waits)

    async def has_title_words(self) -> bool:
        """Whether titles can be searched for words. Raises UnavailableError where the database can't be asked."""
        if not self._has_title_words and time.monotonic() >= self._look_again_at:
            self._has_title_words = await self.catalog.read(_has_title_index)
            self._look_again_at = time.monotonic() + _LOOK_AGAIN_SECONDS
            if not self._has_title_words:
                log.warning("The database has no full-text index of the products' titles: requests with q get 501.")
        return self._has_title_words

    def close(self) -> None:
        """Ends the threads and connections; a statement that runs is waited for."""
        self._executor.shutdown()
        self.catalog.close()
        self.imports.close()


def _has_title_index(connection: sa.Connection) -> bool:
    return bool(connection.exec_driver_sql(_TITLE_INDEX).scalar_one())


def _sqlite_engine(url: sa.URL, settings: Settings) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        hide_parameters=True,  # an error's text goes to the log
        pool_timeout=settings.database_statement_seconds,
        connect_args={"timeout": settings.database_statement_seconds, "check_same_thread": False},
    )
    event.listen(engine, "connect", files.prepare_connection)
    event.listen(engine, "begin", files.begin)
    return engine
