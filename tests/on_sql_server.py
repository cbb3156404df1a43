"""`make test-sqlserver DATABASE_URL=…`: runs the tests that use SQL on a server that speaks T-SQL.

Without such a server it exits with 2, and says what is missing. It creates databases named test_catalog_… there, and
changes no others.
"""

from __future__ import annotations

import os
import subprocess
import sys

import sqlalchemy as sa

from shared.database.mssql import engines

_ROOMS = ("database", "catalog", "cache", "identity", "imports", "merge", "datafactory", "app")
_NEEDS = """\
It needs a server that speaks T-SQL, through ODBC Driver 18: a login that may create databases, and Debian's unixodbc.

  docker run -d -p 1433:1433 -e ACCEPT_EULA=Y -e MSSQL_SA_PASSWORD=Only-for-tests-1 \\
    mcr.microsoft.com/mssql/server:2022-latest
  sudo apt-get install unixodbc
  make test-sqlserver DATABASE_URL='mssql+pyodbc://sa:Only-for-tests-1@127.0.0.1:1433/master?TrustServerCertificate=yes'
"""


def main() -> int:
    """Returns the exit status of pytest, or 2 if the tests can't run."""
    url = os.environ.get("DATABASE_URL", "")
    missing = _missing(url)
    if missing:
        print(f"make test-sqlserver can't run: {missing}\n\n{_NEEDS}", file=sys.stderr)  # noqa: T201 - a command
        return 2
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--dist",
        "loadfile",
        *(sys.argv[1:] or ["-n", "2", *(f"tests/{room}" for room in _ROOMS)]),
    ]
    return subprocess.run(command, env=environment | {"TEST_DATABASE_URL": url}, check=False).returncode


def _missing(url: str) -> str:
    """A clause that says what is missing; empty if nothing is."""
    if not url.startswith("mssql+pyodbc://"):
        return "expected DATABASE_URL=mssql+pyodbc://…"
    try:
        engine = engines.create_engine(sa.make_url(url), connect_args={"timeout": 15})
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except ImportError as error:
        return f"pyodbc doesn't load ({error})"
    except ValueError as error:
        return str(error)
    except sa.exc.DBAPIError as error:
        return f"the server refuses the connection ({error.orig})"
    return ""


if __name__ == "__main__":
    sys.exit(main())
