"""Renders the statements that the repositories send to Azure SQL, as `tests/database/golden/*.sql` shows them."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Mapping
from typing import Any

from tests.database.compiled import Call, Values, calls, statements
from tests.database.recording_driver import Told

FOLDER = "tests/database/golden"

_HEAD = "-- Rendered by `python -m golden` from the repositories' statements: change those, not this file.\n\n"
_WIDTH = 118
# pyodbc's numbers of SQL types.
_NUMERIC = 2
_TYPES = {12: "VARCHAR", -9: "NVARCHAR", _NUMERIC: "NUMERIC"}


def rendered() -> dict[str, str]:
    """The text of each golden file, by its path in the repository."""
    return {f"{FOLDER}/{file}.sql": _HEAD + _file(named) for file, named in calls(Values()).items()}


def _file(named: Mapping[str, Call]) -> str:
    return "\n".join(f"-- {name}\n{''.join(map(_statement, statements(call)))}" for name, call in named.items())


def _statement(told: Told) -> str:
    lines = [
        line
        for part in told.statement.strip().splitlines()
        for line in textwrap.wrap(part.strip(), _WIDTH, subsequent_indent="    ", break_long_words=False)
    ]
    lines[-1] += ";"
    for row in told.parameters if told.many else [told.parameters]:
        sizes = told.sizes or [None] * len(row)
        shown = "; ".join(_parameter(value, size) for value, size in zip(row, sizes, strict=True))
        lines += textwrap.wrap(shown, _WIDTH, initial_indent="--   ", subsequent_indent="--     ")
    return "".join(f"{line}\n" for line in lines)


def _parameter(value: object, size: Any) -> str:  # noqa: ANN401  # as a driver's `setinputsizes` takes it
    """A value and its SQL type; `size` is a number, or a tuple of it, the precision and the scale."""
    kind, precision, scale = size if isinstance(size, tuple) else (size, None, None)
    shown = "a time" if isinstance(value, dt.datetime) else repr(value)
    digits = f"({precision}, {scale})" if kind == _NUMERIC and precision is not None else ""
    return f"{shown} {_TYPES[kind]}{digits}" if kind in _TYPES else shown
