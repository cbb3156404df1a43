"""The views and stored procedures of Azure SQL, as they stand in mssql/merge*.sql, and how they are put in place.

They aren't revisions: each upgrade puts the present ones in the place of what was there. Their drop comes before the
tables are changed, since an engine may refuse to change what a view reads.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
# What a file uses of another one comes before it, so that each view finds what it reads.
FILES = ("merge_products.sql", "merge_categories.sql", "merge.sql")

# Counts text in code points, as the API does; SQL Server's usual collations count UTF-16 units.
CODE_POINT_COLLATION = "Latin1_General_100_CI_AS_SC"
# Whether the server has it. Babelfish hasn't: there each text is counted in code points.
COLLATION_QUERY = f"SELECT COUNT(*) FROM sys.fn_helpcollations() WHERE name = '{CODE_POINT_COLLATION}'"  # noqa: S608  # constant

_BATCH_END = re.compile(r"^GO$", re.MULTILINE)
_DEFINITION = re.compile(r"^CREATE (PROCEDURE|VIEW) (\[import\]\.\[\w+\])$", re.MULTILINE)


@dataclass(frozen=True)
class Program:
    """A view or a procedure; `text` is the batch that makes it."""

    kind: str
    name: str
    text: str

    def definition(self, *, counts_code_points: bool) -> str:
        """The batch for a server; whether its text is counted in code points anyway."""
        collation = "" if counts_code_points else f"COLLATE {CODE_POINT_COLLATION}"
        return self.text.replace("$(CODE_POINTS)", collation)

    @property
    def drop(self) -> str:
        """The statement that takes it away."""
        return f"DROP {self.kind} IF EXISTS {self.name}"


@functools.cache
def programs() -> tuple[Program, ...]:
    """All of them, in the order in which they can be made. Raises ValueError for a batch that makes something else."""
    return tuple(_read())


def _read() -> Iterator[Program]:
    for file in FILES:
        for batch in batches(file):
            found = _DEFINITION.search(batch)
            if found is None:
                raise ValueError(f"{file}: expected a view or a procedure of the schema import, got {batch[:60]!r}")
            yield Program(found[1], found[2], batch)


def batches(file: str) -> Iterator[str]:
    """What stands between the lines GO of a file."""
    parts = _BATCH_END.split((FOLDER / file).read_text(encoding="utf-8"))
    return (part.strip() for part in parts if part.strip())
