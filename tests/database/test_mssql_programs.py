"""The views and procedures of Azure SQL, as far as tests can check them without a server; tests/merge runs them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from local.datafactory.stores import sqlite
from local.datafactory.stores.sqlite.merge_outcome import OUTCOME_COLUMNS, Outcome
from shared.catalog import tags
from shared.catalog.schemas import CSV_COLUMNS
from shared.database.mssql import programs
from tests.database.tsql_statements import statements_of

_SQLITE = Path(sqlite.__file__).parent
_PROGRAMS = {program.name: program for program in programs.programs()}
_KINDS = ("products", "categories")
_SIMPLE = (
    exp.Select, exp.Insert, exp.Update, exp.Delete, exp.Create, exp.Declare, exp.Set, exp.Execute, exp.Transaction,
    exp.Commit, exp.Rollback,
)  # fmt: skip
# What sqlglot doesn't know as statements of their own.
_OTHERS = re.compile(r"RETURN|THROW 5\d{4}, (N'[^']+'|@message), 1")
# What doesn't work, or does nothing, on the open engine that speaks T-SQL.
_NOT_ON_EVERY_ENGINE = {
    "MERGE": r"\bMERGE\s+(INTO|TOP|\[)",
    "CREATE OR ALTER": r"CREATE\s+OR\s+ALTER",
    "a CTE": r"\bWITH\s+\w+\s+AS\s*\(",
    "WAITFOR": r"\bWAITFOR\b",
    "IS DISTINCT FROM": r"\bIS\s+(NOT\s+)?DISTINCT\b",
    "ODBC's CALL": r"\{\s*CALL",
    "ALTER COLUMN": r"ALTER\s+COLUMN",
}


def _definition(name: str) -> str:
    return _PROGRAMS[f"[import].[{name}]"].definition(counts_code_points=False)


def _code(text: str) -> str:
    """Without comments."""
    return re.sub(r"--.*", "", text)


def _literals(text: str) -> list[str]:
    return [literal.replace("''", "'") for literal in re.findall(r"'((?:[^']|'')*)'", _code(text))]


@pytest.mark.parametrize("name", _PROGRAMS)
def test_each_statement_is_t_sql(name: str) -> None:
    statements = statements_of(_PROGRAMS[name].definition(counts_code_points=False))
    assert statements
    for statement in statements:
        if _OTHERS.fullmatch(statement):
            continue
        (parsed,) = sqlglot.parse(statement, read="tsql")
        assert isinstance(parsed, _SIMPLE), statement
        assert not list(parsed.find_all(exp.Command)), statement


@pytest.mark.parametrize("batch", list(programs.batches("grants.sql")))
def test_each_grant_is_t_sql(batch: str) -> None:
    condition = re.match(r"IF (DATABASE_PRINCIPAL_ID\(N'\w+'\) IS NULL) CREATE ROLE \[\w+\];", _code(batch).strip())
    if condition:
        return
    (parsed,) = sqlglot.parse(re.sub(r"(SCHEMA|OBJECT)::", "", _code(batch)), read="tsql")
    assert isinstance(parsed, exp.Grant)


@pytest.mark.parametrize("construct", _NOT_ON_EVERY_ENGINE)
def test_only_what_every_engine_knows_is_used(construct: str) -> None:
    for program in programs.programs():
        assert not re.search(_NOT_ON_EVERY_ENGINE[construct], _code(program.text), re.IGNORECASE), program.name


def test_a_server_without_the_collation_gets_none() -> None:
    program = _PROGRAMS["[import].[judge_products]"]
    assert f"COLLATE {programs.CODE_POINT_COLLATION}" in program.definition(counts_code_points=False)
    assert programs.CODE_POINT_COLLATION not in program.definition(counts_code_points=True)
    assert "$(" not in program.definition(counts_code_points=True)


def test_each_call_of_a_procedure_passes_all_of_its_parameters() -> None:
    """So an optional column of categories, whose procedures then get @csv_columns, can't be forgotten in merge.sql."""
    parameters = {
        name: len(re.findall(r"^    @\w+ ", program.text.partition("\nAS\n")[0], re.MULTILINE))
        for name, program in _PROGRAMS.items()
    }
    calls = [
        (name, len(re.findall(r"@\w+|'\w+'", arguments)))
        for program in programs.programs()
        for name, arguments in re.findall(r"EXEC (\[import\]\.\[\w+\])([^;]*);", _code(program.text))
    ]
    assert len(calls) > 10
    for name, given in calls:
        assert given == parameters[name], name


@pytest.mark.parametrize("kind", _KINDS)
def test_both_dialects_say_which_columns_a_file_has_by_the_same_flags(kind: str) -> None:
    sqlite = set(re.findall(r":(has_[a-z_]+)", (_SQLITE / f"merge_{kind}.sql").read_text()))
    assert set(re.findall(r"@(has_\w+)", _definition(f"judge_{kind}") + _definition(f"write_{kind}"))) == sqlite
    assert bool(sqlite) == (kind == "products")


@pytest.mark.parametrize("kind", _KINDS)
def test_rejected_fields_are_kept_in_the_order_of_the_header(kind: str) -> None:
    found = re.findall(r"ISNULL\(STRING_ESCAPE\(staged\.(\w+), N'json'\), N''\)", _definition(f"keep_rejected_{kind}"))
    assert tuple(found) == CSV_COLUMNS[kind]


def test_both_dialects_write_each_kind_of_tag() -> None:
    written = set(_literals(_definition("write_products"))) | set(_literals(_definition("write_categories")))
    asin = "B000000001"
    kinds = [
        tags.CATALOG,
        tags.CATEGORIES,
        tags.category(7).removesuffix("7"),
        tags.product(asin).split(":")[0],
    ]
    assert {kind if kind != "product" else "product:" for kind in kinds} <= written


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.cancelled_on_request(),
        Outcome.outdated("BLOB"),
        Outcome.too_many_rejects(1234567, 1234567, 0.5),
    ],
    ids=lambda outcome: outcome.status,
)
def test_both_dialects_end_with_the_same_sentences(outcome: Outcome) -> None:
    assert outcome.message
    text = "".join(programs.batches("merge.sql"))
    for part in re.split(r"BLOB|1,234,567|(?<= )50(?= %)", outcome.message):
        assert part.strip() == "" or part in _literals(text), part


def test_the_result_has_the_columns_that_the_local_engine_gives() -> None:
    statements = statements_of(_definition("run_merge"))
    (result,) = (
        parsed
        for statement in statements
        if not _OTHERS.fullmatch(statement)
        and isinstance(parsed := sqlglot.parse_one(statement, read="tsql"), exp.Select)
        and not any(isinstance(item, exp.EQ | exp.Parameter | exp.Literal) for item in parsed.expressions)
    )
    assert result.named_selects == ["import_id", *OUTCOME_COLUMNS]


def test_the_lock_on_categories_comes_before_that_on_products() -> None:
    """As in every write of the app: they would deadlock otherwise."""
    locked = re.findall(r"FROM \[dbo\]\.\[(\w+)\] WITH \(TABLOCKX, HOLDLOCK\)", _definition("lock_tables"))
    assert locked == ["categories", "products"]


def test_nothing_is_written_to_the_catalog_before_the_lock_nor_dated_before_it() -> None:
    texts = statements_of(_definition("run_merge"))

    def places(pattern: str) -> Sequence[int]:
        return [n for n, text in enumerate(texts) if re.match(pattern, text)]

    (lock,) = places(r"EXEC \[import\]\.\[lock_tables\]")
    begin, again = places("BEGIN TRANSACTION")
    (clock,) = places("SET @now")
    assert begin < lock < clock < min(places(r"EXEC \[import\]\.\[write_|INSERT INTO \[dbo\]"))
    (commit,) = places("COMMIT")
    assert again < commit
