"""Connections to Azure SQL: what the driver is told, and a token for each that hasn't run out."""

from __future__ import annotations

import contextlib
import http.server
import json
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from shared.database.mssql import engines
from shared.http.problems import UnavailableError
from shared.settings import Settings, SettingsError, read_settings
from tests.database.scripted_driver import ScriptedDriver

AZURE = (
    "mssql+pyodbc://11111111-2222-4333-8444-555555555555@sql-x.database.windows.net:1433/catalog"
    "?driver=ODBC+Driver+18+for+SQL+Server&authentication=ActiveDirectoryMsi"
)
LOCAL = "mssql+pyodbc://sa:Only-1-secret@127.0.0.1:1433/catalog"


@pytest.fixture
def driver() -> ScriptedDriver:
    return ScriptedDriver()


def settings(**changes: Any) -> Settings:
    return Settings(azure_functions_environment="Development", **changes)


def told(driver: ScriptedDriver, url: str, **changes: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """The connection string by keyword, and the driver's other arguments."""
    engine = engines.app_engine(sa.make_url(url), settings(**changes), "SNAPSHOT", module=driver)
    engine.connect().close()
    _, text, options = driver.calls[-1]
    return dict(part.split("=", 1) for part in text.lower().split(";")), options


def test_the_connection_is_encrypted_named_and_without_what_nobody_asked_for(driver: ScriptedDriver) -> None:
    keywords, options = told(driver, LOCAL, database_login_seconds=9)
    assert keywords == {
        "driver": "{odbc driver 18 for sql server}",
        "server": "127.0.0.1,1433",
        "database": "catalog",
        "uid": "sa",
        "pwd": "only-1-secret",
        "encrypt": "yes",
        "trustservercertificate": "no",
        "mars_connection": "no",
        "app": "product-catalog",
        "longasmax": "yes",
        "connectretrycount": "0",
    }
    assert options == {"timeout": 9}
    assert driver.pooling is False


def test_what_the_url_says_comes_first(driver: ScriptedDriver) -> None:
    keywords, _ = told(driver, LOCAL + "?Encrypt=strict&TRUSTSERVERCERTIFICATE=yes&app=mine")
    assert (keywords["encrypt"], keywords["trustservercertificate"], keywords["app"]) == ("strict", "yes", "mine")


@pytest.mark.parametrize("weaker", ["TrustServerCertificate=yes", "Encrypt=no", "encrypt=optional", "ENCRYPT=0"])
def test_only_a_server_on_this_machine_may_go_unverified(weaker: str) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert settings(database_url=f"mssql+pyodbc://sa:x@{host}/catalog?{weaker}")
    for host in ("sql-x.database.windows.net", "10.0.0.4", "127.0.0.1.example.org", "localhost.example.org"):
        url = f"mssql+pyodbc://sa:x@{host}/catalog?{weaker}"
        with pytest.raises(SettingsError, match=r"DATABASE_URL: expected .* for a server that isn't on this machine"):
            read_settings(azure_functions_environment="Development", database_url=url)
        with pytest.raises(ValueError, match="isn't on this machine"):
            engines.create_engine(sa.make_url(url), module=ScriptedDriver())


@pytest.mark.parametrize("url", ["mssql+pyodbc://?odbc_connect=Server%3Dx", "mssql+pyodbc:///catalog?dsn=x"])
def test_a_url_that_hides_its_server_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="without the server's name"):
        read_settings(azure_functions_environment="Development", database_url=url)


def test_each_session_has_its_limits(driver: ScriptedDriver) -> None:
    told(driver, LOCAL, database_statement_seconds=5.0)
    (connection,) = driver.connections
    assert connection.timeout == 5
    assert connection.session == [
        "SET LOCK_TIMEOUT 4000; SET DEADLOCK_PRIORITY LOW; SET TRANSACTION ISOLATION LEVEL SNAPSHOT"
    ]


def test_each_connection_reads_snapshots_from_its_first_statement_on(driver: ScriptedDriver) -> None:
    engine = engines.app_engine(sa.make_url(LOCAL), settings(), "SNAPSHOT", module=driver)
    with engine.connect() as first, engine.connect() as second:
        assert [connection.exec_driver_sql("SELECT test").scalar() for connection in (first, second)] == [7, 7]
    assert driver.count("connect") == 2


def test_no_statement_runs_without_a_limit(driver: ScriptedDriver) -> None:
    told(driver, LOCAL, database_statement_seconds=5.0)
    assert set(driver.statement_limits) == {5}


def test_the_pool_is_bounded(driver: ScriptedDriver) -> None:
    engine = engines.app_engine(
        sa.make_url(LOCAL),
        settings(database_pool_size=2, database_statement_seconds=0.1),
        "READ COMMITTED",
        module=driver,
    )
    with contextlib.ExitStack() as held:
        for _ in range(2):
            held.enter_context(engine.connect())
        with pytest.raises(sa.exc.TimeoutError):
            engine.connect()
    assert driver.count("connect") == 2


@pytest.mark.parametrize("installed", [["ODBC Driver 18 for SQL Server"], []])
def test_the_driver_is_the_system_s_or_else_the_wheel_s(installed: list[str]) -> None:
    url = engines.odbc_url(sa.make_url(LOCAL), installed)
    assert ("libmsodbcsql-18" in str(url.query["driver"])) is not bool(installed)


class Identity(http.server.BaseHTTPRequestHandler):
    """What App Service gives a managed identity's tokens by."""

    lifetimes: list[float]
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        lifetime = self.lifetimes.pop(0) if self.lifetimes else 86400.0
        if lifetime == 0:
            self.send_error(403)  # in HTML
            return
        body = json.dumps(
            {
                "access_token": f"token-{len(self.asked)}",
                "expires_on": str(int(time.time() + lifetime)),
                "resource": "https://database.windows.net/",
                "token_type": "Bearer",
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Identity]]:
    """The endpoint that azure-identity asks on App Service; `lifetimes` are those of its next tokens, 0 an error."""
    handler = type("Handler", (Identity,), {"lifetimes": [], "asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.server_port}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "a-header")
        yield handler
        server.shutdown()


def token_of(driver: ScriptedDriver) -> str:
    """The token that the last connection was made with."""
    value = driver.calls[-1][2]["attrs_before"][1256]
    (length,) = struct.unpack_from("<i", value)
    assert len(value) == 4 + length
    return str(value[4:].decode("utf-16-le"))


def test_the_identity_signs_in_with_a_token_and_nothing_else(driver: ScriptedDriver, identity: type[Identity]) -> None:
    keywords, options = told(driver, AZURE)
    assert not keywords.keys() & {"uid", "pwd", "authentication", "trusted_connection"}
    assert (keywords["encrypt"], keywords["trustservercertificate"]) == ("yes", "no")
    assert (token_of(driver), options["attrs_before"].keys()) == ("token-1", {1256})
    (asked,) = identity.asked
    assert "resource=https://database.windows.net&" in asked
    assert "client_id=11111111-2222-4333-8444-555555555555" in asked


def test_one_token_serves_all_connections(driver: ScriptedDriver, identity: type[Identity]) -> None:
    engine = engines.app_engine(sa.make_url(AZURE), settings(), "READ COMMITTED", module=driver)
    with engine.connect(), engine.connect():
        assert driver.count("connect") == 2
    assert len(identity.asked) == 1


def test_a_pooled_connection_is_not_used_beyond_its_token(
    driver: ScriptedDriver, identity: type[Identity], monkeypatch: pytest.MonkeyPatch
) -> None:
    identity.lifetimes[:] = [200.0, 86400.0]
    engine = engines.app_engine(sa.make_url(AZURE), settings(), "READ COMMITTED", module=driver)
    for _ in range(2):
        engine.connect().close()
        assert (token_of(driver), driver.count("connect")) == ("token-1", 1)
    later = time.time() + 150
    monkeypatch.setattr("shared.database.mssql.access_token.time", SimpleNamespace(time=lambda: later))
    for _ in range(2):
        engine.connect().close()
        assert (token_of(driver), driver.count("connect"), driver.closed) == ("token-2", 2, 1)


def test_without_a_token_the_client_is_told_to_try_again(driver: ScriptedDriver, identity: type[Identity]) -> None:
    identity.lifetimes[:] = [0.0] * 50
    engine = engines.app_engine(sa.make_url(AZURE), settings(), "READ COMMITTED", module=driver)
    with pytest.raises(UnavailableError, match="can't be reached") as refused:
        engine.connect()
    assert refused.value.headers == {"Retry-After": "5"}
    assert driver.count("connect") == 0


def test_on_sqlite_nothing_of_azure_sql_is_loaded(tmp_path: Path) -> None:
    program = (
        "import sys; from shared.database.database import Database; from shared.settings import Settings;"
        f"Database(Settings(azure_functions_environment='Development', database_url='sqlite:///{tmp_path}/c.db')).close();"
        "print(sorted({'pyodbc', 'azure.identity', 'shared.database.mssql.engines'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
