"""The two kinds of files, and their merge scripts for SQLite by section."""

from __future__ import annotations

import functools
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from shared.imports.tables import categories_staging, products_staging

_FOLDER = Path(__file__).parent / "sqlite"
_SECTION = re.compile(r"^-- section: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Kind:
    """Products or categories: the script, its staging table, the file's fields, how new and changed are counted."""

    script: str
    staging: str
    fields: tuple[str, ...]
    count_pending: str

    @functools.cached_property
    def sections(self) -> dict[str, list[str]]:
        """The script's statements by the name of their section."""
        parts = _SECTION.split((_FOLDER / self.script).read_text(encoding="utf-8"))
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


KINDS = {
    "import.merge_products": Kind(
        "merge_products.sql",
        products_staging.name,
        tuple(products_staging.c.keys())[2:],
        "SELECT count(*) FILTER (WHERE product_id IS NULL), count(product_id) FROM temp.pending",
    ),
    "import.merge_categories": Kind(
        "merge_categories.sql",
        categories_staging.name,
        tuple(categories_staging.c.keys())[2:],
        "SELECT count(*) FILTER (WHERE known_id IS NULL), count(known_id) FROM temp.pending",
    ),
}
