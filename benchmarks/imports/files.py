"""The files that are imported. local.dataset generates them once, under .local/bench/imports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.cache.catalog import KEPT
from local.dataset.generate import CATEGORIES_FILE, PRODUCTS_FILE, Change, write_catalog

PLACE = KEPT / "imports"
_SEED = 1
_CHANGED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Files:
    """A catalog's two files, and the products with 1 % of the rows changed."""

    products: Path
    changed: Path
    categories: Path


def kept(rows: int) -> Files:
    """The files of that many products."""
    first, changed = PLACE / f"csv-{rows}", PLACE / f"csv-{rows}-changed"
    for folder, change in ((first, None), (changed, Change(_CHANGED_SHARE, _SEED))):
        complete = folder / "complete"
        if not complete.exists():
            write_catalog(folder, rows, _SEED, change)
            complete.touch()
    return Files(first / PRODUCTS_FILE, changed / PRODUCTS_FILE, first / CATEGORIES_FILE)
