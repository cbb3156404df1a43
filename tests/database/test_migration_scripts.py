"""Migrations as text: both dialects make the same tables and columns, which are those that the code declares."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects import mssql
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.schema import CreateTable
from sqlglot import exp

from shared.database import migrate
from shared.database.metadata import IMPORT_SCHEMA, catalog_metadata, imports_metadata, staging_metadata
from shared.database.migrate import Dialect, Line

_DECLARED: dict[Line, sa.MetaData] = {"catalog": catalog_metadata, "imports": imports_metadata}
_READ: dict[Dialect, str] = {"sqlite": "sqlite", "mssql": "tsql"}
_DIALECTS: tuple[Dialect, ...] = ("sqlite", "mssql")

# A table's columns: name, type, whether null is allowed, and what stands there by default.
type Columns = list[tuple[str, str, bool, str]]


def _parsed(text: str, dialect: Dialect) -> Sequence[exp.Expr]:
    lines = (line for line in text.splitlines() if line.strip() != "GO")
    # FTS5's tables and their triggers are SQLite's own, and beyond sqlglot.
    without_words = "\n".join(lines).partition("CREATE VIRTUAL TABLE")[0]
    return [statement for statement in sqlglot.parse(without_words, read=_READ[dialect]) if statement]


def _tables(statements: Sequence[exp.Expr], dialect: Dialect) -> dict[str, Columns]:
    found: dict[str, Columns] = {}
    for statement in statements:
        table = statement.find(exp.Table)
        if isinstance(statement, exp.Create) and statement.kind == "TABLE" and table:
            found[table.name] = [_column(column, dialect) for column in statement.find_all(exp.ColumnDef)]
        if isinstance(statement, exp.Drop) and statement.args["kind"] == "TABLE" and table:
            del found[table.name]
    return {name: columns for name, columns in found.items() if not name.startswith("alembic_version")}


def _column(column: exp.ColumnDef, dialect: Dialect) -> tuple[str, str, bool, str]:
    constraints = {type(constraint.kind): constraint.kind for constraint in column.constraints}
    not_null = constraints.get(exp.NotNullColumnConstraint)
    default = constraints.get(exp.DefaultColumnConstraint)
    kind = column.args["kind"].sql(dialect=_READ[dialect])
    collation = constraints.get(exp.CollateColumnConstraint)
    if collation is not None:
        kind += f" {collation.sql()}"
    nullable = not_null is None or bool(not_null.args.get("allow_null"))
    return column.name, kind, nullable, default.sql() if default is not None else ""


def _declared(metadata: sa.MetaData, dialect: Dialect) -> dict[str, Columns]:
    compiler = mssql.dialect() if dialect == "mssql" else SQLiteDialect()  # type: ignore[no-untyped-call]
    text = ";\n".join(str(CreateTable(table).compile(dialect=compiler)) for table in metadata.tables.values())
    return _tables(_parsed(text, dialect), dialect)


@pytest.mark.parametrize("line", migrate.LINES)
@pytest.mark.parametrize("dialect", _DIALECTS)
def test_migrations_make_what_the_code_declares(dialect: Dialect, line: Line) -> None:
    expected = _declared(_DECLARED[line], dialect)
    if line == "imports" and dialect == "mssql":
        expected |= _declared(staging_metadata, dialect)
    assert _tables(_parsed(migrate.script(dialect, line), dialect), dialect) == expected


@pytest.mark.parametrize("line", migrate.LINES)
def test_both_dialects_have_the_same_tables_columns_and_nulls(line: Line) -> None:
    def shape(dialect: Dialect) -> dict[str, list[tuple[str, bool]]]:
        tables = _tables(_parsed(migrate.script(dialect, line), dialect), dialect)
        return {
            name: [(column, nullable) for column, _, nullable, _ in columns]
            for name, columns in tables.items()
            if f"{IMPORT_SCHEMA}.{name}" not in staging_metadata.tables
        }

    assert shape("mssql") == shape("sqlite")


@pytest.mark.parametrize("line", migrate.LINES)
def test_both_dialects_have_the_same_indexes(line: Line) -> None:
    def indexes(dialect: Dialect) -> dict[str, tuple[bool, list[str]]]:
        found: dict[str, tuple[bool, list[str]]] = {}
        for statement in _parsed(migrate.script(dialect, line), dialect):
            if isinstance(statement, exp.Create) and isinstance(index := statement.this, exp.Index):
                columns = [column.this.name for column in index.args["params"].args["columns"]]
                found[index.name] = (bool(statement.args.get("unique")), columns)
            if isinstance(statement, exp.Drop) and statement.args["kind"] == "INDEX":
                del found[statement.args["tables"][0].name]
        return found

    assert indexes("mssql") == indexes("sqlite")
    assert set(indexes("mssql")) == {
        str(index.name) for table in _DECLARED[line].tables.values() for index in table.indexes
    }


@pytest.mark.parametrize("line", migrate.LINES)
def test_each_statement_for_azure_sql_is_t_sql(line: Line) -> None:
    for statement in _parsed(migrate.script("mssql", line), "mssql"):
        assert not list(statement.find_all(exp.Command)), statement.sql()


def test_no_text_on_azure_sql_is_compared_as_the_database_s_collation_says() -> None:
    for line in migrate.LINES:
        for table, columns in _tables(_parsed(migrate.script("mssql", line), "mssql"), "mssql").items():
            for name, kind, _, _ in columns:
                assert "CHAR" not in kind or "Latin1_General_100_BIN2" in kind, f"{table}.{name}: {kind}"
