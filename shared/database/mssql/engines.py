"""Engines for Azure SQL, or any SQL Server, through pyodbc and ODBC Driver 18.

pyodbc is imported when the first engine is made: it needs unixODBC, which a machine that uses SQLite may lack.
"""

from __future__ import annotations

import importlib
import importlib.util
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from sqlalchemy import event

from shared.database.mssql.access_token import give_tokens
from shared.database.mssql.errors import failure_of
from shared.database.retry_policy import Failure
from shared.database.types import Hundredths
from shared.settings import Settings, check_transport

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext

type Isolation = Literal["READ COMMITTED", "SNAPSHOT"]

DRIVER = "ODBC Driver 18 for SQL Server"
# ODBC's name for a managed identity; the URL's user is its client id.
_MANAGED_IDENTITY = "activedirectorymsi"
# https://learn.microsoft.com/sql/connect/odbc/dsn-connection-string-attribute
_KEYWORDS = {
    "driver": DRIVER,
    "Encrypt": "yes",
    "TrustServerCertificate": "no",
    "MARS_Connection": "no",
    "APP": "product-catalog",
    # Sends text of more than 4,000 characters as NVARCHAR(MAX). The old NTEXT can't be compared.
    "LongAsMax": "yes",
    # The application retries (retry_policy.py): it knows which transaction was open when the connection broke.
    "ConnectRetryCount": "0",
}
# Azure's gateway drops a connection that is idle for 30 minutes.
_RECYCLE_SECONDS = 1500
# The share of a statement's time limit that a transaction waits for a lock.
_LOCK_SHARE = 0.8


def create_engine(url: sa.URL, **options: Any) -> sa.Engine:  # noqa: ANN401  # create_engine's own
    """Creates an engine whose connections are encrypted, to a server with a verified certificate.

    Raises ValueError where the URL asks for less, unless the server is on this machine.
    """
    pyodbc: Any = options.get("module") or importlib.import_module("pyodbc")
    # SQLAlchemy's pool is the only one. The driver manager's would keep connections open that SQLAlchemy has closed.
    pyodbc.pooling = False
    odbc = odbc_url(url, pyodbc.drivers())
    # fast_executemany sends an array of parameters in one round trip.
    defaults = {"fast_executemany": True, "pool_recycle": _RECYCLE_SECONDS, "hide_parameters": True}
    engine = sa.create_engine(odbc, **defaults | options | {"module": pyodbc})
    event.listen(engine, "handle_error", _mark_lost_connections)

    @event.listens_for(engine, "do_setinputsizes")
    def size_decimals(sizes: dict[sa.BindParameter[Any], Any], *_: object) -> None:
        # The type of the column. By their values alone 9.99 and 19.95 would have two types, with a plan for each.
        for parameter in sizes:
            if isinstance(parameter.type, Hundredths):
                sizes[parameter] = (pyodbc.SQL_NUMERIC, parameter.type.precision, 2)

    if _is_managed_identity(url):
        from shared.azure.credential import azure_credential

        give_tokens(engine, azure_credential(url.username))
    return engine


def app_engine(url: sa.URL, settings: Settings, isolation: Isolation, **options: Any) -> sa.Engine:  # noqa: ANN401  # create_engine's own
    """Creates an engine for requests: a bounded pool, and limits on log-in, statements and waits for locks."""
    engine = create_engine(
        url,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_statement_seconds,
        connect_args={"timeout": settings.database_login_seconds},
        **options,
    )
    statement_seconds = max(1, round(settings.database_statement_seconds))
    # In a deadlock of a request and a merge the request is the victim, because it is repeated sooner.
    session = (
        f"SET LOCK_TIMEOUT {round(statement_seconds * _LOCK_SHARE * 1000)}; "
        f"SET DEADLOCK_PRIORITY LOW; SET TRANSACTION ISOLATION LEVEL {isolation}"
    )

    @event.listens_for(engine, "connect", insert=True)
    def limit_statements(connection: Any, _record: object) -> None:  # noqa: ANN401  # pyodbc has no types
        # Set before SQLAlchemy sends its own first statement.
        connection.timeout = statement_seconds

    @event.listens_for(engine, "connect")
    def set_session(connection: Any, _record: object) -> None:  # noqa: ANN401  # as above
        connection.execute(session).close()
        # The driver has begun a transaction under the previous level, in which SNAPSHOT can't read (error 3951).
        connection.commit()

    return engine


def odbc_url(url: sa.URL, installed_drivers: Sequence[str]) -> sa.URL:
    """Adds the driver's keywords to the URL, and removes the user where tokens are used to sign in.

    Raises ValueError as `create_engine` does.
    """
    check_transport(url.render_as_string(hide_password=False))
    asked = {keyword.lower(): str(value) for keyword, value in url.query.items()}
    if asked.get("driver", DRIVER) == DRIVER and DRIVER not in installed_drivers:
        asked["driver"] = _driver_in_wheel()
    missing = {keyword: value for keyword, value in _KEYWORDS.items() if keyword.lower() not in asked}
    if not _is_managed_identity(url):
        return url.set(query=asked | missing)
    del asked["authentication"]
    return sa.URL.create(url.drivername, host=url.host, port=url.port, database=url.database, query=asked | missing)


def _is_managed_identity(url: sa.URL) -> bool:
    return any(
        keyword.lower() == "authentication" and str(value).lower() == _MANAGED_IDENTITY
        for keyword, value in url.query.items()
    )


def _driver_in_wheel() -> str:
    """The path of the driver in the development package mssql-python-odbc, or the driver's name without it."""
    package = importlib.util.find_spec("mssql_python_odbc")
    if package is None or package.origin is None:
        return DRIVER
    libraries = Path(package.origin).parent / "libs" / "linux" / "debian_ubuntu" / platform.machine() / "lib"
    return str(next(libraries.glob("libmsodbcsql-18*"), DRIVER))


def _mark_lost_connections(context: ExceptionContext) -> None:
    """Says which errors lose the connection: SQLAlchemy takes each time-out for one and empties the whole pool."""
    context.is_disconnect = failure_of(context.original_exception) in {Failure.LOST, Failure.AWAY}
