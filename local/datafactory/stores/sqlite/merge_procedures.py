"""The merge procedures for SQLite: their scripts by section, and what the declared fields add to them."""

from __future__ import annotations

import functools
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from shared.catalog.declaration import declared
from shared.catalog.schemas import NewCategory, NewProduct

_FOLDER = Path(__file__).parent
_SECTION = re.compile(r"^-- section: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class MergeProcedure:
    """The merge of one kind of file: `products` or `categories`, whose rows are declared by `model`."""

    kind: str
    model: type[BaseModel]

    @property
    def staging(self) -> str:
        """The name of the staging table."""
        return f"{self.kind}_staging"

    @property
    def csv_columns(self) -> list[str]:
        """The columns of the file that the staging table has, in their order."""
        return [field.csv for field in declared(self.model)]

    def column_flags(self, csv_columns: str | None) -> dict[str, int]:
        """The script's parameters that say which optional columns the file has; None stands for all columns."""
        present = self.csv_columns if csv_columns is None else csv_columns.split(",")
        return {f"has_{field.column}": field.csv in present for field in declared(self.model) if not field.mandatory}

    @functools.cached_property
    def sections(self) -> dict[str, list[str]]:
        """The script's statements by the name of their section."""
        parts = _SECTION.split((_FOLDER / f"merge_{self.kind}.sql").read_text(encoding="utf-8"))
        return {name.strip(): _statements(text) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def _statements(text: str) -> list[str]:
    statements: list[str] = []
    lines: list[str] = []
    for line in text.splitlines():
        lines.append(line)
        if sqlite3.complete_statement("\n".join(lines)):
            statements.append("\n".join(lines).strip())
            lines = []
    return statements


PRODUCTS = MergeProcedure("products", NewProduct)
PROCEDURES = {
    f"import.merge_{procedure.kind}": procedure for procedure in (PRODUCTS, MergeProcedure("categories", NewCategory))
}
