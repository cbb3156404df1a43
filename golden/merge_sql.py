"""Renders the merge's SQL for SQLite and Azure SQL from the declared fields of products and categories.

The templates hold what a merge does. Everything that follows from a field stands once: here, which faults its rule
knows and the sentences for them; in `mssql_fields.sql.j2` and `sqlite_fields.sql.j2`, how each dialect tests for them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.catalog.declaration import (
    AsciiCode,
    Declared,
    HttpUrlText,
    Text,
    TrueOrFalse,
    TwoDecimals,
    WholeNumber,
    declared,
)
from shared.catalog.schemas import NewCategory, NewProduct
from shared.catalog.tables import products

_TEMPLATES = Path(__file__).parent / "templates"
_LINE_LENGTH = 120
_FILES = {
    "shared/database/mssql/merge_products.sql": "mssql_merge_products.sql.j2",
    "shared/database/mssql/merge_categories.sql": "mssql_merge_categories.sql.j2",
    "local/datafactory/stores/sqlite/merge_products.sql": "sqlite_merge_products.sql.j2",
    "local/datafactory/stores/sqlite/merge_categories.sql": "sqlite_merge_categories.sql.j2",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a field's text rejects its row.

    `test` names the condition in the dialects' templates. `sentence` is the reason; where it `shows_value`, the text
    follows in quotes.
    """

    test: str
    sentence: str
    shows_value: bool = False


def faults(field: Declared) -> list[Fault]:
    """The faults that a field's text can have, in the order in which they are tested."""
    empty = [] if field.nullable else [Fault("empty", f"{field.csv}: empty")]
    return empty + [
        Fault(test, f"{field.csv}: {sentence}", shows_value) for test, sentence, shows_value in _faults_of_rule(field)
    ]


def _faults_of_rule(field: Declared) -> Iterator[tuple[str, str, bool]]:
    match field.rule:
        case AsciiCode(length, characters):
            letters_first = sorted(re.findall(".-.|.", characters), key=lambda found: found[0].isdecimal())
            yield "not_code", f"not {length} characters of {' and '.join(letters_first)}", True
        case Text(max_length):
            yield "nul", "contains a NUL character", False
            yield "too_long", f"longer than {max_length:,} characters", False
        case HttpUrlText(max_length):
            yield "nul", "contains a NUL character", False
            yield "too_long", f"longer than {max_length:,} characters", False
            yield "not_url", "not an http or https URL", True
        case TwoDecimals(maximum):
            yield "not_number", "not a number", True
            yield "more_decimals", "more than two decimals", True
            yield "out_of_range", f"not between 0 and {maximum:,}", True
        case WholeNumber(minimum, maximum):
            yield "not_number", "not a number", True
            yield "not_whole", "not a whole number", True
            yield "out_of_range", f"not between {minimum:,} and {maximum:,}", True
        case TrueOrFalse():
            yield "not_boolean", "neither True nor False", True


def rendered() -> dict[str, str]:
    """The four files of the merge: path below the repository -> text."""
    environment = Environment(  # noqa: S701  # SQL, not HTML
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(
        faults=faults,
        listed=_listed,
        when=_when,
        case=_case,
        numbers_of=lambda fields: [field for field in fields if isinstance(field.rule, TwoDecimals | WholeNumber)],
        optional_of=lambda fields: [field for field in fields if not field.mandatory],
        inserted_of=lambda fields, inserted: [inserted(field) for field in fields],
        rule_of=lambda field: type(field.rule).__name__,
        precision_of=lambda rule: len(str(int(rule.maximum * 100))),
        products=_checked(declared(NewProduct)),
        categories=_checked(declared(NewCategory)),
        # Columns that cost more to update than others on SQLite: indexes or the words of titles hold them.
        indexed={"title", *(column.name for index in products.indexes for column in index.columns)},
    )
    return {
        path: environment.get_template(template).render(template=template) for path, template in sorted(_FILES.items())
    }


def _checked(fields: tuple[Declared, ...]) -> tuple[Declared, ...]:
    for field in fields:
        if not field.mandatory and (field.default is None) != field.nullable:
            raise TypeError(
                f"{field.name}: a field that a file may lack needs the default null if it is nullable, and else another"
            )
    return fields


def _listed(items: Iterable[str], indent: int) -> str:
    """The items with commas, on lines that begin at `indent` and end before the line length."""
    lines = textwrap.wrap(
        ", ".join(item.replace(" ", "\0") for item in items), _LINE_LENGTH - indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return f"\n{' ' * indent}".join(lines).replace("\0", " ")


def _case(condition: str, result: str, alias: str) -> str:
    """A column of a select at indent 4: `CASE WHEN … THEN … END AS …`, on more lines where one is too long."""
    line = f"CASE WHEN {condition} THEN {result} END AS {alias}"
    if len(line) + len("    ,") <= _LINE_LENGTH:
        return line
    return f"CASE\n        {_when(condition, result, 8)}\n    END AS {alias}"


def _when(condition: str, result: str, indent: int) -> str:
    """`WHEN … THEN …`, on two lines where one is too long."""
    line = f"WHEN {condition} THEN {result}"
    if indent + len(line) <= _LINE_LENGTH and "\n" not in condition:
        return line
    return f"WHEN {condition}\n{' ' * (indent + 4)}THEN {result}"
