"""The staging files of runs: a catalog `catalog.db` has beside it one `catalog.staging/{run_id}.db` for each."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from shared.database.sqlite.files import catalog_file


def staging_folder(url: sa.URL) -> Path:
    """The folder of the staging files of runs."""
    file = catalog_file(url)
    return file.with_name(f"{file.stem}.staging")


def staging_file(url: sa.URL, run_id: str) -> Path:
    """The staging tables of one run, which are deleted with it."""
    return staging_folder(url) / f"{run_id}.db"
