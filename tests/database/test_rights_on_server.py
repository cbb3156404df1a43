"""The users of Azure SQL on a server: each does its work, and can neither change the schema nor do the other's."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared.database.mssql import programs
from shared.identity.service import lock_admin_roles
from shared.imports import repository
from shared.services import Services
from shared.settings import Settings
from testkit.databases import autocommit_engine, server_engine
from testkit.serving import catalog_settings, served_catalog

pytestmark = pytest.mark.server

PASSWORD = "Only-for-tests-1"

type LogIn = Callable[[str], sa.URL]


@pytest.fixture
def settings(tmp_path: Path, valkey: str) -> Settings:
    return catalog_settings(tmp_path, valkey)


@pytest.fixture
def log_in(settings: Settings) -> Iterator[LogIn]:
    """Makes a login that has this role in the database; gives its URL."""
    url = sa.make_url(settings.database_url.get_secret_value())
    with autocommit_engine(url).connect() as administrator, contextlib.ExitStack() as ending:

        def log_in(role: str) -> sa.URL:
            name = f"test_{uuid.uuid4().hex[:8]}"
            for statement, undo in (
                (f"CREATE LOGIN [{name}] WITH PASSWORD = '{PASSWORD}'", f"DROP LOGIN [{name}]"),
                (f"CREATE USER [{name}] FOR LOGIN [{name}]", f"DROP USER [{name}]"),
            ):
                administrator.exec_driver_sql(statement)
                ending.callback(administrator.exec_driver_sql, undo)
            administrator.exec_driver_sql(f"ALTER ROLE [{role}] ADD MEMBER [{name}]")
            return url.set(username=name, password=PASSWORD)

        for batch in programs.batches("grants.sql"):
            administrator.exec_driver_sql(batch)
        yield log_in


SCHEMA_CHANGES = ["CREATE TABLE t (a INT)", "ALTER TABLE products ADD x INT", "DROP TABLE products"]


def assert_refused(url: sa.URL, *statements: str) -> None:
    for statement in statements:
        with pytest.raises(sa.exc.DBAPIError, match=r"permission|owner"), server_engine(url).begin() as connection:
            connection.exec_driver_sql(statement)


def test_the_app_works_as_a_user_that_can_not_change_the_schema(settings: Settings, log_in: LogIn) -> None:
    url = log_in("catalog_app")
    user = {"database_url": url.render_as_string(hide_password=False)}
    services = Services(Settings.model_validate(settings.model_dump() | user))
    with served_catalog(services) as api:
        assert api.post("/api/categories", json={"id": 1, "name": "Toys"}).status_code == 201
        items = [{"asin": f"B{n:09}", "title": "A toy", "category_id": 1} for n in range(3)]
        assert api.post("/api/products", json=items[0]).status_code == 201
        assert api.post("/api/products/batch", json={"items": items[1:]}).status_code == 201
        assert api.patch("/api/products/B000000000", json={"price": 1}).status_code == 200
        assert api.delete("/api/products/B000000001").status_code == 204
        assert api.get("/api/products").status_code == 200
        with services.database.imports.engine.begin() as connection:
            services.outbox.record(connection, ["catalog"])
            lock_admin_roles(connection)
            assert repository.read_unfinished(connection, 0, 1) == []
            assert repository.delete_staged_rows(connection, "products", repository.StagedRow(1, "x"), 1)
    assert_refused(url, *SCHEMA_CHANGES, "EXEC [import].[merge_products] 'x', 'x', 0")


def test_the_factory_fills_staging_and_sees_no_product(log_in: LogIn) -> None:
    url = log_in("catalog_factory")
    with server_engine(url).begin() as connection:
        connection.exec_driver_sql("DELETE FROM [import].[products_staging] WHERE run_id = 'x'")
        connection.exec_driver_sql("INSERT INTO [import].[products_staging] (run_id) VALUES ('x')")
    others = [
        "SELECT title FROM products",
        "UPDATE categories SET name = N'x'",
        "DELETE FROM [import].[import_records]",
    ]
    assert_refused(url, *SCHEMA_CHANGES, *others)


@pytest.mark.sql_server  # what a procedure does is done by its owner's rights; Babelfish asks for the caller's
def test_the_factory_merges_by_the_procedures_alone(log_in: LogIn) -> None:
    with (
        pytest.raises(sa.exc.DBAPIError, match="There is no import x"),
        server_engine(log_in("catalog_factory")).begin() as connection,
    ):
        connection.exec_driver_sql("EXEC [import].[merge_products] 'x', 'x', 0")
