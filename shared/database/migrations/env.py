"""Run by Alembic: one transaction for all revisions of a line, begun with the lock that keeps a second one waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import context
from sqlalchemy import event

from shared.database import azure_sql, sqlite

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_LOCK_WAIT_SECONDS = 60


def _run(url: URL, line: str) -> None:
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, connect_args={"timeout": _LOCK_WAIT_SECONDS})
        event.listen(engine, "connect", sqlite.prepare_connection)
        event.listen(engine, "begin", sqlite.begin)
    else:
        engine = azure_sql.create_engine(url)
    with engine.execution_options(sqlite_begin="IMMEDIATE").connect() as connection:
        context.configure(connection=connection, version_table=f"alembic_version_{line}", transactional_ddl=True)
        with connection.begin():
            if connection.dialect.name == "mssql":
                connection.execute(
                    sa.text(
                        "EXEC sp_getapplock @Resource = 'migrate', @LockMode = 'Exclusive', "
                        "@LockOwner = 'Transaction', @LockTimeout = :wait"
                    ),
                    {"wait": _LOCK_WAIT_SECONDS * 1000},
                )
            context.run_migrations()
    engine.dispose()


def _write_sql(url: URL, line: str) -> None:
    context.configure(
        url=url.render_as_string(hide_password=True),
        dialect_name=url.get_backend_name(),
        version_table=f"alembic_version_{line}",
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_attributes = context.config.attributes
(_write_sql if context.is_offline_mode() else _run)(_attributes["url"], _attributes["line"])
