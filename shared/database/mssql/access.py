"""Creates Azure SQL's users: `python -m shared.database.mssql.access --app NAME CLIENT_ID --factory NAME CLIENT_ID`.

A deployment's job runs it as the server's administrator, after the migrations. A second run changes nothing. grants.sql
says what each user may do.
"""

from __future__ import annotations

import argparse
import re
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from shared.database.migrate import MigrationSettings
from shared.database.mssql import programs
from shared.database.mssql.engines import create_engine

# The names that Azure allows for a managed identity or a Data Factory.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


@dataclass(frozen=True, slots=True)
class Identity:
    """A managed identity. Raises ValueError for a name or client id that Azure doesn't allow."""

    name: str
    client_id: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"Not the name of an identity: {self.name!r}")
        uuid.UUID(self.client_id)

    @property
    def sid(self) -> str:
        """The identity's security identifier in SQL: its client id in the byte order of Windows' GUIDs."""
        return f"0x{uuid.UUID(self.client_id).bytes_le.hex().upper()}"


def statements(app: Identity, factory: Identity) -> Iterator[str]:
    """The T-SQL statements, each a batch of its own."""
    yield from programs.batches("grants.sql")
    yield from _member(app, "catalog_app")
    yield from _member(factory, "catalog_factory")


def _member(identity: Identity, role: str) -> Iterator[str]:
    """Creates the user of an identity, and replaces one of the same name that belongs to a deleted identity.

    The user is created by SID. With FROM EXTERNAL PROVIDER the server looks the name up in Entra, for which it needs a
    directory role that only a tenant's administrator can grant.
    """
    # Identity has checked that neither the name nor the SID contains a quote.
    yield (
        f"IF EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'{identity.name}' AND sid <> {identity.sid}) "  # noqa: S608
        f"DROP USER [{identity.name}]"
    )
    yield (
        f"IF DATABASE_PRINCIPAL_ID(N'{identity.name}') IS NULL "
        f"CREATE USER [{identity.name}] WITH SID = {identity.sid}, TYPE = E"
    )
    yield f"ALTER ROLE [{role}] ADD MEMBER [{identity.name}]"


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.database.mssql.access", description="Creates Azure SQL's users."
    )
    for who in ("app", "factory"):
        parser.add_argument(f"--{who}", nargs=2, required=True, metavar=("NAME", "CLIENT_ID"))
    options = parser.parse_args()
    url = sa.make_url(MigrationSettings().database_url.get_secret_value())
    if url.get_backend_name() != "mssql":
        print("DATABASE_URL: expected mssql+pyodbc://…, since only Azure SQL has users.", file=sys.stderr)  # noqa: T201
        return 1
    app, factory = Identity(*options.app), Identity(*options.factory)
    with create_engine(url).begin() as connection:
        for statement in statements(app, factory):
            connection.exec_driver_sql(statement)
    print(f"Users of {url.database}: {app.name}, {factory.name}.")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
