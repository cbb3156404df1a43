"""Migrations as text, without a server: both dialects get the tables, columns and indexes that are declared."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pytest
import sqlalchemy as sa
import sqlglot
from alembic import command
from sqlalchemy.dialects import mssql
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.schema import CreateTable
from sqlglot import exp

import shared.catalog.tables
import shared.database.tables
import shared.imports.tables  # noqa: F401  # these three declare all tables
from shared.database import migrate
from shared.database.metadata import IMPORT_SCHEMA, catalog_metadata, imports_metadata, staging_metadata
from shared.database.migrate import Line

type Dialect = Literal["sqlite", "mssql"]

_DECLARED: dict[Line, sa.MetaData] = {"catalog": catalog_metadata, "imports": imports_metadata}
_READ: dict[Dialect, str] = {"sqlite": "sqlite", "mssql": "tsql"}
_DIALECTS: tuple[Dialect, ...] = ("sqlite", "mssql")
# SQLite's text index: sqlglot parses neither its table nor its triggers.
_TEXT_INDEX = re.compile(r"CREATE (VIRTUAL TABLE [^;]*|TRIGGER .*?END);", re.DOTALL)


class Column(NamedTuple):
    """A column as a statement spells it."""

    type: str
    nullable: bool
    default: str


class Index(NamedTuple):
    """An index; `include` has the columns that it holds beside its key, on Azure SQL only."""

    unique: bool
    columns: tuple[str, ...]
    include: tuple[str, ...]


def _parsed(text: str, dialect: Dialect) -> Sequence[exp.Expr]:
    lines = (line for line in text.splitlines() if line.strip() != "GO")
    text = _TEXT_INDEX.sub("", "\n".join(lines))
    return [statement for statement in sqlglot.parse(text, read=_READ[dialect]) if statement]


def _columns(statements: Sequence[exp.Expr], dialect: Dialect) -> dict[str, Column]:
    """The columns that exist after the statements, by `table.column`."""
    found: dict[str, Column] = {}
    for statement in statements:
        table = statement.find(exp.Table)
        name = table.name if table else ""
        if isinstance(statement, exp.Create) and statement.kind == "TABLE":
            found |= {f"{name}.{each.name}": _column(each, dialect) for each in statement.find_all(exp.ColumnDef)}
        elif isinstance(statement, exp.Drop) and statement.kind == "TABLE":
            found = {each: column for each, column in found.items() if not each.startswith(f"{name}.")}
        elif isinstance(statement, exp.Alter):
            for action in statement.args["actions"]:
                _alter(found, name, action, dialect)
        elif name == "sp_rename":
            old, new, kind = (each.name for each in statement.expressions)
            assert kind == "COLUMN"
            found[f"{old.partition('.')[0]}.{new}"] = found.pop(old)
    return {name: column for name, column in found.items() if not name.startswith("alembic_version")}


def _alter(found: dict[str, Column], table: str, action: exp.Expr, dialect: Dialect) -> None:
    match action:
        case exp.ColumnDef():
            found[f"{table}.{action.name}"] = _column(action, dialect)
        case exp.RenameColumn():
            found[f"{table}.{action.args['to'].name}"] = found.pop(f"{table}.{action.this.name}")
        case exp.Drop():
            for column in action.args["tables"]:
                del found[f"{table}.{column.name}"]
        case _:
            raise AssertionError(f"this test doesn't know how to follow {action.sql(dialect=_READ[dialect])}")


def _column(column: exp.ColumnDef, dialect: Dialect) -> Column:
    constraints = {type(constraint.kind): constraint.kind for constraint in column.constraints}
    not_null = constraints.get(exp.NotNullColumnConstraint)
    default = constraints.get(exp.DefaultColumnConstraint)
    kind = column.args["kind"].sql(dialect=_READ[dialect])
    collation = constraints.get(exp.CollateColumnConstraint)
    if collation is not None:
        kind += f" {collation.sql()}"
    nullable = not_null is None or bool(not_null.args.get("allow_null"))
    return Column(kind, nullable, default.sql() if default is not None else "")


def _indexes(statements: Sequence[exp.Expr]) -> dict[str, Index]:
    found: dict[str, Index] = {}
    for statement in statements:
        if isinstance(statement, exp.Create) and isinstance(index := statement.this, exp.Index):
            parameters = index.args["params"].args
            columns = tuple(column.this.name for column in parameters["columns"])
            include = tuple(column.name for column in parameters.get("include") or ())
            found[index.name] = Index(bool(statement.args.get("unique")), columns, include)
        if isinstance(statement, exp.Drop) and statement.kind == "INDEX":
            del found[statement.args["tables"][0].name]
    return found


def _migrated(dialect: Dialect, line: Line) -> Sequence[exp.Expr]:
    config = migrate.config_of(line, dialect=dialect)
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    return _parsed(config.output_buffer.getvalue(), dialect)


def _declared_columns(metadata: sa.MetaData, dialect: Dialect) -> dict[str, Column]:
    compiler = mssql.dialect() if dialect == "mssql" else SQLiteDialect()  # type: ignore[no-untyped-call]
    text = ";\n".join(str(CreateTable(table).compile(dialect=compiler)) for table in metadata.tables.values())
    return _columns(_parsed(text, dialect), dialect)


def _declared_indexes(metadata: sa.MetaData, dialect: Dialect) -> Iterator[tuple[str, Index]]:
    for table in metadata.tables.values():
        for index in table.indexes:
            include = index.dialect_options["mssql"]["include"] or () if dialect == "mssql" else ()
            yield str(index.name), Index(index.unique, tuple(column.name for column in index.columns), tuple(include))


def _difference(declared: Mapping[str, Any], migrated: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What is declared and what migrations make, by name, where the two differ."""
    names = declared.keys() | migrated.keys()
    both = {name: (declared.get(name), migrated.get(name)) for name in sorted(names)}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("line", migrate.LINES)
@pytest.mark.parametrize("dialect", _DIALECTS)
def test_migrations_make_the_declared_columns(dialect: Dialect, line: Line) -> None:
    declared = _declared_columns(_DECLARED[line], dialect)
    if line == "imports" and dialect == "mssql":
        declared |= _declared_columns(staging_metadata, dialect)
    assert _difference(declared, _columns(_migrated(dialect, line), dialect)) == {}


@pytest.mark.parametrize("line", migrate.LINES)
@pytest.mark.parametrize("dialect", _DIALECTS)
def test_migrations_make_the_declared_indexes(dialect: Dialect, line: Line) -> None:
    declared = dict(_declared_indexes(_DECLARED[line], dialect))
    assert _difference(declared, _indexes(_migrated(dialect, line))) == {}


@pytest.mark.parametrize("line", migrate.LINES)
def test_both_dialects_have_the_same_tables_columns_and_nulls(line: Line) -> None:
    def nullable(dialect: Dialect) -> dict[str, bool]:
        return {
            name: column.nullable
            for name, column in _columns(_migrated(dialect, line), dialect).items()
            if f"{IMPORT_SCHEMA}.{name.partition('.')[0]}" not in staging_metadata.tables
        }

    assert _difference(nullable("mssql"), nullable("sqlite")) == {}


@pytest.mark.parametrize("line", migrate.LINES)
def test_each_statement_for_azure_sql_is_t_sql(line: Line) -> None:
    for statement in _migrated("mssql", line):
        assert not list(statement.find_all(exp.Command)), statement.sql()


def test_all_text_on_azure_sql_is_compared_code_by_code() -> None:
    """A column without a collation gets the database's, which may ignore case."""
    for line in migrate.LINES:
        for name, column in _columns(_migrated("mssql", line), "mssql").items():
            assert "CHAR" not in column.type or "Latin1_General_100_BIN2" in column.type, f"{name}: {column.type}"
