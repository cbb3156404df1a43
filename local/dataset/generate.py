"""Writes the two CSV files in chunks of whole columns."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from local.dataset import csv_text
from local.dataset.columns import CategoryFigures, NumberColumns
from local.dataset.identifiers import asins
from local.dataset.profile import Profile, load_profile
from local.dataset.texts import Titles, image_urls
from shared.catalog.declaration import declared
from shared.catalog.schemas import NewCategory, NewProduct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import BaseModel

PRODUCTS_FILE, CATEGORIES_FILE = "amazon_products.csv", "amazon_categories.csv"
# Rows. Another number gives other bytes for the same arguments.
_CHUNK = 65_536


@dataclass(frozen=True)
class Change:
    """Makes the next version of a catalog. `share` of the rows differ; `seed` says which."""

    share: float
    seed: int


@dataclass(frozen=True)
class Written:
    """The files that were written; `size` is that of the products file, in bytes."""

    products: Path
    categories: Path
    rows: int
    rows_changed: int
    size: int


def write_catalog(folder: Path, rows: int, seed: int, change: Change | None = None) -> Written:
    """Writes both files into the folder; with `change`, the same rows with a share of them changed."""
    folder.mkdir(parents=True, exist_ok=True)
    profile = load_profile()
    _write_categories(folder / CATEGORIES_FILE, profile)
    changed = 0
    with (folder / PRODUCTS_FILE).open("wb") as file:
        file.write(f"{','.join(_PRODUCT_COLUMNS)}\n".encode())
        for chunk in _chunks(profile, rows, seed, change):
            file.write(chunk.text)
            changed += chunk.changed
        size = file.tell()
    return Written(folder / PRODUCTS_FILE, folder / CATEGORIES_FILE, rows, changed, size)


@dataclass(frozen=True)
class _Rows:
    """The values of a chunk."""

    asin: pa.Array
    title: pa.Array
    image_url: pa.Array
    category_id: npt.NDArray[np.int64]
    numbers: NumberColumns
    changed: int

    @property
    def text(self) -> memoryview:
        """The rows as lines of CSV."""
        return csv_text.lines([column(self) for column in _PRODUCT_COLUMNS.values()])


def _csv_columns[T](model: type[BaseModel], known: dict[str, T]) -> dict[str, T]:
    """`known`, by field, as the columns of a file, in the declared order.

    A field that isn't known is left out of the file. Raises KeyError where its column is mandatory.
    """
    return {field.csv: known[field.name] for field in declared(model) if field.mandatory or field.name in known}


_PRODUCT_COLUMNS: dict[str, Callable[[_Rows], pa.Array]] = _csv_columns(
    NewProduct,
    {
        "asin": lambda rows: rows.asin,
        "title": lambda rows: csv_text.quoted(rows.title),
        "image_url": lambda rows: rows.image_url,
        "product_url": lambda rows: pc.binary_join_element_wise("https://www.amazon.com/dp/", rows.asin, ""),
        "stars": lambda rows: csv_text.tenths(rows.numbers.stars),
        "reviews": lambda rows: csv_text.integers(rows.numbers.reviews),
        "price": lambda rows: csv_text.cents(rows.numbers.price),
        "list_price": lambda rows: csv_text.cents(rows.numbers.list_price),
        "category_id": lambda rows: csv_text.integers(rows.category_id),
        "is_best_seller": lambda rows: csv_text.flags(rows.numbers.best_seller),
        "bought_in_last_month": lambda rows: csv_text.integers(rows.numbers.bought),
    },
)
_CATEGORY_COLUMNS = _csv_columns(NewCategory, {"id": "id", "name": "name"})


def _chunks(profile: Profile, rows: int, seed: int, change: Change | None) -> Iterator[_Rows]:
    figures = CategoryFigures(profile)
    titles = Titles(profile)
    order, ends = _categories_in_order(profile, rows, seed)
    for number, first in enumerate(range(0, rows, _CHUNK)):
        places = np.arange(first, min(first + _CHUNK, rows), dtype=np.uint64)
        category = order[np.searchsorted(ends, places, side="right")]
        random = np.random.default_rng([seed, number])
        numbers = NumberColumns(profile, figures, category, random)
        changed = 0
        if change is not None:
            changed = numbers.change(change.share, profile, np.random.default_rng([change.seed, number]))
        yield _Rows(
            asin=asins(places, seed, profile.isbn_share),
            title=titles.of(category, random),
            image_url=image_urls(figures.wide_image[category], profile.repeated_image_share, random),
            category_id=figures.ids[category],
            numbers=numbers,
            changed=changed,
        )


def _categories_in_order(profile: Profile, rows: int, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """The order of the categories, whose rows stand together as in the real file, and the row at which each ends."""
    order = np.random.default_rng([seed]).permutation(len(profile.categories))
    shares = np.array([profile.categories[place].rows for place in order]) / profile.rows
    return order, np.round(np.cumsum(shares) * rows).astype(np.int64)


def _write_categories(path: Path, profile: Profile) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_CATEGORY_COLUMNS)
        for category in profile.categories:
            writer.writerow(getattr(category, name) for name in _CATEGORY_COLUMNS.values())
