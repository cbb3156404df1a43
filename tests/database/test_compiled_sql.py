"""The statements that the repositories send to Azure SQL, checked without a server.

`golden/*.sql` shows them; test_golden.py compares. After a change of a statement, run `make golden`, read the diff.
"""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest
import sqlglot
from sqlglot import exp

from golden.statements import FOLDER, rendered
from local import PROJECT
from shared.catalog import repository as catalog
from shared.catalog.tables import products
from shared.imports import repository as imports
from tests.database.compiled import Values, calls, statements

USUAL = calls(Values())
EACH = [(file, name) for file, named in USUAL.items() for name in named]
INDEXES = {tuple(column.name for column in index.columns) for index in products.indexes}


def test_there_is_no_other_golden_file() -> None:
    found = {str(path.relative_to(PROJECT)) for path in (PROJECT / FOLDER).iterdir()}
    assert found - rendered().keys() == set()


@pytest.mark.parametrize(("module", "files"), [(catalog, ("products", "categories")), (imports, ("imports",))])
def test_every_function_of_a_repository_is_shown(module: ModuleType, files: tuple[str, ...]) -> None:
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
            continue  # SQLAlchemy's savepoint: sqlglot doesn't parse it
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
def test_no_text_of_a_client_is_part_of_a_statement(text: str) -> None:
    hostile = calls(Values(asin=text, text=text, words=f"blue suitcase {text}", id=text, url=text))
    for file, name in EACH:
        sent = [told.statement for told in statements(hostile[file][name])]
        assert sent == [told.statement for told in statements(USUAL[file][name])], name


@pytest.mark.parametrize(("file", "name"), EACH)
def test_no_value_of_a_client_is_a_literal_in_a_statement(file: str, name: str) -> None:
    for told in statements(USUAL[file][name]):
        if told.statement.startswith("SAVE TRANSACTION") or "applock" in told.statement.lower():
            continue  # the literals are the kind of the lock and its owner, which no client sends
        for literal in sqlglot.parse_one(told.statement, read="tsql").find_all(exp.Literal):
            assert not literal.is_string, told.statement
            of_its_own = isinstance(literal.parent, exp.Limit | exp.DataTypeParam)
            assert literal.this in {"0", "1"} or of_its_own, told.statement


@pytest.mark.parametrize(("file", "name"), EACH)
def test_pyodbc_need_not_ask_the_server_for_a_parameter_s_type(file: str, name: str) -> None:
    """pyodbc asks for the type of each NULL and of an array: a round trip, during which all threads wait."""
    for told in statements(USUAL[file][name]):
        assert not told.many, told.statement
        assert None not in told.parameters, told.statement


@pytest.mark.parametrize("name", USUAL["paging"])
def test_a_page_s_conditions_are_ranges_of_one_index(name: str) -> None:
    """Such a page is a seek: columns that are equal, then one range, in the order of the index; no OR, no function."""
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
    """Whether it is IS NULL. IS NOT NULL is a range: all values behind the nulls."""
    return isinstance(condition, exp.Is) and not isinstance(condition.parent, exp.Not)
