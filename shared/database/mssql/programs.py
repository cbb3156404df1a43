"""The views and stored procedures of Azure SQL, read from merge*.sql.

They are no revisions: each upgrade replaces them. They are dropped before the tables are changed, because an engine may
refuse to change a table that a view reads.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent
# In the order of their dependencies, so that each view finds what it reads.
_FILES = ("merge_products.sql", "merge_categories.sql", "merge.sql")

# Counts text in code points, like the API. SQL Server's usual collations count UTF-16 units.
CODE_POINT_COLLATION = "Latin1_General_100_CI_AS_SC"
# Whether the server has this collation. Babelfish doesn't; it counts every text in code points.
COLLATION_QUERY = f"SELECT COUNT(*) FROM sys.fn_helpcollations() WHERE name = '{CODE_POINT_COLLATION}'"  # noqa: S608  # constant

_BATCH_END = re.compile(r"^GO$", re.MULTILINE)
_DEFINITION = re.compile(r"^CREATE (PROCEDURE|VIEW) (\[import\]\.\[\w+\])$", re.MULTILINE)


@dataclass(frozen=True)
class Program:
    """A view or a procedure. `text` is the batch that creates it."""

    kind: str
    name: str
    text: str

    def definition(self, *, counts_code_points: bool) -> str:
        """The batch for a server. `counts_code_points`: whether it counts every text in code points anyway."""
        collation = "" if counts_code_points else f"COLLATE {CODE_POINT_COLLATION}"
        return self.text.replace("$(CODE_POINTS)", collation)

    @property
    def drop(self) -> str:
        """The statement that drops it."""
        return f"DROP {self.kind} IF EXISTS {self.name}"


@functools.cache
def programs() -> tuple[Program, ...]:
    """All programs, in an order in which they can be created. Raises ValueError for any other batch."""
    return tuple(_program(batch) for file in _FILES for batch in batches(file))


def _program(batch: str) -> Program:
    found = _DEFINITION.search(batch)
    if found is None:
        raise ValueError(f"merge*.sql: expected a view or a procedure of the schema import, got {batch[:100]}")
    return Program(found[1], found[2], batch)


def batches(file: str) -> list[str]:
    """The batches of a file, which lines with GO separate."""
    parts = _BATCH_END.split((_FOLDER / file).read_text(encoding="utf-8"))
    return [part.strip() for part in parts if part.strip()]
