"""Where SQLite's files stand.

A catalog `catalog.db` has beside it `catalog.imports.db`: records and rejects, the schema `import` of Azure SQL.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa


def catalog_file(url: sa.URL) -> Path:
    """The catalog's file. Raises ValueError for a URL without one, because other processes need the file too."""
    if not url.database or url.database == ":memory:":
        raise ValueError("DATABASE_URL: expected sqlite:///path/to/catalog.db, got a URL without a file")
    return Path(url.database)


def imports_file(url: sa.URL) -> Path:
    """The file of the import records and rejects."""
    file = catalog_file(url)
    return file.with_name(f"{file.stem}.imports.db")


def imports_url(url: sa.URL) -> sa.URL:
    """The catalog's URL with the imports' file in place of its own."""
    return url.set(database=str(imports_file(url)))
