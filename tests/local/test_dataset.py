"""The generated catalog resembles the real one at any size, and is the same for the same seed."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.csv as arrow_csv
import pytest

from local.dataset.generate import Change, Written, _csv_columns, write_catalog
from local.dataset.profile import load_profile
from shared.catalog.schemas import NewProduct
from testkit.processes import run_python

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

ROWS = 200_000
# Published with the data set: mean, standard deviation and share of zeros. The tolerances below allow for this number
# of rows, and for distributions that are fitted with a few parameters.
PUBLISHED = {
    "stars": (3.9995, 1.3443, 0.092),
    "reviews": (180.75, 1761.5, 0.793),
    "price": (43.375, 130.29, 0.023),
    "listPrice": (12.449, 46.11, 0.765),
    "boughtInLastMonth": (141.98, 836.27, 0.643),
}
MEAN_TOLERANCE, SD_TOLERANCE, ZERO_TOLERANCE = 0.1, 0.3, 0.015
QUARTILES = {"stars": (4.1, 4.4, 4.6), "price": (11.99, 19.95, 35.99), "boughtInLastMonth": (0, 0, 50)}
QUARTILE_TOLERANCE = 0.1


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The files of `ROWS` rows."""
    return write_catalog(tmp_path_factory.mktemp("catalog"), ROWS, seed=1)


@pytest.fixture(scope="module")
def products(catalog: Written) -> pa.Table:
    """The products file, read with Arrow."""
    as_text = arrow_csv.ConvertOptions(column_types={"asin": "string"})
    return arrow_csv.read_csv(catalog.products, convert_options=as_text)


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first, second, other = (
        write_catalog(tmp_path / name, 70_000, seed).products.read_bytes()
        for name, seed in (("first", 7), ("second", 7), ("other", 8))
    )
    assert first == second
    assert first != other


@pytest.mark.parametrize("column", PUBLISHED)
def test_moments_are_the_published_ones(products: pa.Table, column: str) -> None:
    values = products[column].to_numpy().astype(float)
    mean, deviation, zero = PUBLISHED[column]
    assert values.mean() == pytest.approx(mean, rel=MEAN_TOLERANCE)
    assert values.std() == pytest.approx(deviation, rel=SD_TOLERANCE)
    assert (values == 0).mean() == pytest.approx(zero, abs=ZERO_TOLERANCE)


@pytest.mark.parametrize("column", QUARTILES)
def test_quartiles_are_the_published_ones(products: pa.Table, column: str) -> None:
    values = products[column].to_numpy().astype(float)
    assert np.percentile(values, [25, 50, 75]) == pytest.approx(QUARTILES[column], rel=QUARTILE_TOLERANCE)


def test_each_category_has_its_share(products: pa.Table) -> None:
    ids, counts = np.unique(products["category_id"].to_numpy(), return_counts=True)
    profile = load_profile()
    expected = {category.id: category.rows / profile.rows * ROWS for category in profile.categories}
    assert dict(zip(ids.tolist(), counts.tolist(), strict=True)) == pytest.approx(expected, abs=1)


def test_asins_are_unique_and_a_thousandth_are_isbns(products: pa.Table) -> None:
    asins = products["asin"].to_pylist()
    assert len(set(asins)) == ROWS
    isbns = [asin for asin in asins if not asin.startswith("B0")]
    assert len(isbns) == pytest.approx(ROWS / 1000, rel=0.3)
    for isbn in isbns:
        assert sum(weight * int(digit) for weight, digit in zip(range(10, 0, -1), isbn, strict=True)) % 11 == 0


def test_the_file_has_the_form_of_the_real_one(catalog: Written) -> None:
    with catalog.products.open(encoding="utf-8", newline="") as file:
        text = file.read(2_000_000)
    header, *lines = text.splitlines()[:5_000]
    rewritten = [header]
    for line in csv.DictReader([header, *lines]):
        price, list_price, stars = (str(float(line[name])) for name in ("price", "listPrice", "stars"))
        assert (price, list_price, stars) == (line["price"], line["listPrice"], line["stars"])
        assert line["isBestSeller"] in {"True", "False"}
        assert line["title"].strip()
        title = f'"{line["title"].replace('"', '""')}"' if set(line["title"]) & set('",') else line["title"]
        rewritten.append(",".join({**line, "title": title}.values()))
    assert rewritten == [header, *lines]


def test_a_column_that_cannot_be_drawn_is_left_out_unless_it_is_mandatory() -> None:
    assert list(_csv_columns(NewProduct, dict.fromkeys(("category_id", "title", "asin"), 1))) == [
        "asin",
        "title",
        "category_id",
    ]
    with pytest.raises(KeyError, match="title"):
        _csv_columns(NewProduct, {"asin": 1})


def test_a_changed_version_differs_in_the_share_asked_for(tmp_path: Path) -> None:
    before = write_catalog(tmp_path / "before", 70_000, seed=3)
    after = write_catalog(tmp_path / "after", 70_000, seed=3, change=Change(share=0.01, seed=1))
    old, new = before.products.read_text().splitlines(), after.products.read_text().splitlines()
    differing = [(one, other) for one, other in zip(old, new, strict=True) if one != other]
    assert len(differing) == after.rows_changed == pytest.approx(700, rel=0.2)
    assert all(one[:10] == other[:10] for one, other in differing)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    small, large = (_peak_memory(tmp_path / str(rows), rows) for rows in (140_000, 840_000))
    assert large < small * 1.15


def _peak_memory(folder: Path, rows: int) -> int:
    program = (
        "import pathlib, resource, sys; from local.dataset.generate import write_catalog;"
        "write_catalog(pathlib.Path(sys.argv[1]), int(sys.argv[2]), 1);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    return int(run_python("-c", program, str(folder), str(rows)).stdout)
