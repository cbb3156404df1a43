"""Writes the two CSV files, chunk by chunk."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from local.dataset import csv_text
from local.dataset.columns import CategoryFigures, NumberColumns
from local.dataset.identifiers import asins
from local.dataset.profile import Profile, load_profile
from local.dataset.texts import Titles, image_urls

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCTS_FILE, CATEGORIES_FILE = "amazon_products.csv", "amazon_categories.csv"
PRODUCTS_HEADER = (
    b"asin,title,imgUrl,productURL,stars,reviews,price,listPrice,category_id,isBestSeller,boughtInLastMonth\n"
)

_CHUNK = 65_536  # rows; part of what makes the same arguments give the same bytes


@dataclass(frozen=True)
class Change:
    """Makes the next version of a catalog: the share of its rows that differ, and which."""

    share: float
    seed: int


@dataclass(frozen=True)
class Written:
    """What was written; sizes in bytes."""

    products: Path
    categories: Path
    rows: int
    rows_changed: int
    size: int


def write_catalog(folder: Path, rows: int, seed: int, change: Change | None = None) -> Written:
    """Writes both files into the folder; with `change` the same rows again, a share of them changed."""
    folder.mkdir(parents=True, exist_ok=True)
    profile = load_profile()
    _write_categories(folder / CATEGORIES_FILE, profile)
    changed = 0
    with (folder / PRODUCTS_FILE).open("wb") as file:
        file.write(PRODUCTS_HEADER)
        for chunk in _chunks(profile, rows, seed, change):
            file.write(chunk.text)
            changed += chunk.rows_changed
        size = file.tell()
    return Written(folder / PRODUCTS_FILE, folder / CATEGORIES_FILE, rows, changed, size)


@dataclass(frozen=True)
class _Chunk:
    text: memoryview
    rows_changed: int


def _chunks(profile: Profile, rows: int, seed: int, change: Change | None) -> Iterator[_Chunk]:
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
        asin = asins(places, seed, profile.isbn_share)
        text = csv_text.lines(
            [
                asin,
                csv_text.quoted(titles.of(category, random)),
                image_urls(figures.wide_image[category], profile.repeated_image_share, random),
                pc.binary_join_element_wise("https://www.amazon.com/dp/", asin, ""),
                csv_text.tenths(numbers.stars),
                csv_text.integers(numbers.reviews),
                csv_text.cents(numbers.price),
                csv_text.cents(numbers.list_price),
                csv_text.integers(figures.ids[category]),
                csv_text.flags(numbers.best_seller),
                csv_text.integers(numbers.bought),
            ]
        )
        yield _Chunk(text, changed)


def _categories_in_order(profile: Profile, rows: int, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """The real file has each category's rows together: in which order, and the row at which each ends."""
    order = np.random.default_rng([seed]).permutation(len(profile.categories))
    shares = np.array([profile.categories[place].rows for place in order]) / profile.rows
    return order, np.round(np.cumsum(shares) * rows).astype(np.int64)


def _write_categories(path: Path, profile: Profile) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "category_name"])
        writer.writerows([category.id, category.name] for category in profile.categories)
