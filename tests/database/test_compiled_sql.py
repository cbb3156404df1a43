"""What the repositories send to Azure SQL, shown without a server: golden/*.sql are there to be read.

After a change of a statement: UPDATE_GOLDEN=1 .venv/bin/pytest tests/database/test_compiled_sql.py, and read the diff.
"""

from __future__ import annotations

import datetime as dt
import inspect
import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from shared.catalog import repository as catalog
from shared.catalog.tables import products
from shared.imports import repository as imports
from tests.database.compiled import Call, Values, calls, statements
from tests.database.recording_driver import Told

GOLDEN = Path(__file__).parent / "golden"
USUAL = calls(Values())
EACH = [(file, name) for file, named in USUAL.items() for name in named]
# pyodbc's numbers of SQL's types, as the golden files show them.
INDEXES = {tuple(column.name for column in index.columns) for index in products.indexes}
TYPES = {12: "VARCHAR", -9: "NVARCHAR", 2: "NUMERIC"}


def parameter(value: Any, size: Any) -> str:
    kind = size[0] if isinstance(size, tuple) else size
    digits = f"({size[1]}, {size[2]})" if kind == 2 and isinstance(size, tuple) else ""
    shown = "a time" if isinstance(value, dt.datetime) else repr(value)
    return f"{shown}{f' {TYPES[kind]}{digits}' if kind in TYPES else ''}"


def readable(told: Told) -> str:
    rows = told.parameters if told.many else [told.parameters]
    shown = [
        "; ".join(parameter(value, size) for value, size in zip(row, told.sizes or [None] * len(row), strict=True))
        for row in rows
    ]
    body = "\n".join(
        line
        for part in told.statement.strip().splitlines()
        for line in textwrap.wrap(part.strip(), 118, subsequent_indent="    ", break_long_words=False)
    )
    comment = "".join(
        "\n".join(textwrap.wrap(line, 118, initial_indent="--   ", subsequent_indent="--     ")) + "\n"
        for line in shown
        if line
    )
    return f"{body};\n{comment}"


def text_of(named: Mapping[str, Call]) -> str:
    parts = [f"-- {name}\n{''.join(readable(told) for told in statements(call))}" for name, call in named.items()]
    return "\n".join(parts)


@pytest.mark.parametrize("file", USUAL)
def test_the_statements_are_those_of_the_golden_file(file: str) -> None:
    golden, found = GOLDEN / f"{file}.sql", text_of(USUAL[file])
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize(("module", "files"), [(catalog, ("products", "categories")), (imports, ("imports",))])
def test_every_function_of_a_repository_is_there(module: ModuleType, files: tuple[str, ...]) -> None:
    public = {
        name
        for name, each in inspect.getmembers(module, inspect.isfunction)
        if each.__module__ == module.__name__ and not name.startswith("_")
    }
    shown = {name.split(",")[0] for file in files for name in USUAL[file]}
    assert public - shown == set()


@pytest.mark.parametrize(("file", "name"), EACH)
def test_each_is_t_sql(file: str, name: str) -> None:
    found = statements(USUAL[file][name])
    assert found
    for told in found:
        if told.statement.startswith("SAVE TRANSACTION"):
            continue  # a savepoint, by SQLAlchemy: sqlglot doesn't know them
        for parsed in sqlglot.parse(told.statement, read="tsql"):
            assert parsed is not None
            assert not list(parsed.find_all(exp.Command)), told.statement


HOSTILE = [
    "'; DROP TABLE products; --",
    '" OR 1=1 /* */ UNION SELECT NULL',
    "%_[a-z]^ ?:name {fn now()}",
    "\u02bc\uff07\u2019 OR \uff11=\uff11 \u2014 \u202e",
    "N'\x00\r\n\t\\",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_client_sends_is_never_part_of_a_statement(text: str) -> None:
    hostile = calls(Values(asin=text, text=text, words=f"blue suitcase {text}", id=text, url=text))
    for file, name in EACH:
        sent = [told.statement for told in statements(hostile[file][name])]
        assert sent == [told.statement for told in statements(USUAL[file][name])], name


@pytest.mark.parametrize(("file", "name"), EACH)
def test_the_only_numbers_in_a_statement_are_its_own(file: str, name: str) -> None:
    for told in statements(USUAL[file][name]):
        if told.statement.startswith("SAVE TRANSACTION") or "applock" in told.statement.lower():
            continue  # whose lock it is, and of which kind: the program's own
        for literal in sqlglot.parse_one(told.statement, read="tsql").find_all(exp.Literal):
            assert not literal.is_string, told.statement
            of_its_own = isinstance(literal.parent, exp.Limit | exp.DataTypeParam)
            assert literal.this in {"0", "1"} or of_its_own, told.statement


@pytest.mark.parametrize(("file", "name"), EACH)
def test_pyodbc_need_not_ask_the_server_for_a_parameter_s_type(file: str, name: str) -> None:
    """It asks for that of each NULL, and of what is bound as an array: a round trip, for which every thread waits."""
    for told in statements(USUAL[file][name]):
        assert not told.many, told.statement
        assert None not in told.parameters, told.statement


@pytest.mark.parametrize("name", USUAL["paging"])
def test_a_page_s_conditions_are_ranges_of_one_index(name: str) -> None:
    """A seek: equal columns first, then one range, and the order of the index; no OR, no function around a column."""
    for told in statements(USUAL["paging"][name]):
        select = sqlglot.parse_one(told.statement, read="tsql")
        functions = [each for each in select.find_all(exp.Func) if not isinstance(each, exp.And)]
        assert functions == [], told.statement
        where = select.find(exp.Where)
        conditions = list(where.find_all(exp.EQ, exp.Is, exp.GT, exp.LT)) if where else []
        assert len({condition.sql() for condition in conditions if isinstance(condition, exp.GT | exp.LT)}) <= 1
        equal = [c.this.name for c in conditions if isinstance(c, exp.EQ) or is_null(c)]
        ranges = [c.this.name for c in conditions if c.this.name not in equal]
        order = [term.this.name for term in select.args["order"].expressions]
        assert tuple(dict.fromkeys([*equal, *order])) in INDEXES, told.statement
        assert ranges in ([], order[:1]), told.statement
        assert len({bool(term.args.get("desc")) for term in select.args["order"].expressions}) == 1, told.statement


def is_null(condition: exp.Binary) -> bool:
    """Whether it is IS NULL, and not IS NOT NULL: that is a range, from behind the nulls on."""
    return isinstance(condition, exp.Is) and not isinstance(condition.parent, exp.Not)
