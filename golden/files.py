"""The committed files that are rendered from the declarations of fields, and which of them are out of date."""

from __future__ import annotations

from pathlib import Path

from golden import merge_sql, statements

ROOT = Path(__file__).parent.parent
# Each module renders some files: path below the repository -> text.
_MODULES = (merge_sql, statements)


def rendered() -> dict[str, str]:
    """Every rendered file: its path below the repository and its text."""
    return {path: text for module in _MODULES for path, text in module.rendered().items()}


def out_of_date() -> dict[str, str]:
    """The rendered files whose committed text differs or is missing."""
    return {path: text for path, text in rendered().items() if _committed(path) != text}


def _committed(path: str) -> str | None:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.exists() else None
