"""Each file of the corpus ends as its entry says, no row is lost silently, and the next good file works."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared.catalog.tables import categories, products
from testkit import databases
from testkit.csv_corpus import CORPUS
from testkit.csv_corpus.cuts import WHOLE, cut, outcome_of_cut
from testkit.csv_corpus.entry import PRODUCTS_HEADER, Counts, Entry, counts_of, line
from testkit.csv_files import PRODUCTS
from testkit.databases import NEEDS_SQL_SERVER
from testkit.serving import catalog_settings
from tests.imports.cloud import App, Cloud, local_factory

MESSY = Path(__file__).parents[3] / "shared" / "data" / "messy_amazon_tr_bestsellers_6960.csv"

_GOOD_FILES = itertools.count()


@pytest.fixture(scope="module")
def landing(module_azurite: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cloud, App]]:
    """One storage, catalog and process of the app for the whole corpus."""
    folder = tmp_path_factory.mktemp("corpus")
    settings = catalog_settings(folder, valkey, import_storage=module_azurite)
    cloud = Cloud(settings)
    with local_factory(settings, folder / "factory") as address:
        app = App(settings.model_copy(update={"data_factory_endpoint": address}))
        yield cloud, app
        app.close()


def rejects_of(app: App, import_id: str) -> list[list[str]]:
    """The rows of list_rejects, without its header."""

    async def text() -> str:
        return "".join([part async for part in await app.services.imports.rejects(import_id)])

    return list(csv.reader(io.StringIO(app.run(text()), newline="")))[1:]


def ends(entry: Entry, cloud: Cloud, app: App) -> None:
    """Imports the file into an empty catalog and compares the result with the entry."""
    for table in (products, categories):
        cloud.rows.change(sa.delete(table))
    blob, record = app.import_file(cloud, f"{entry.name}.csv", entry.bytes)
    assert record["status"] == entry.status, record
    assert (record["message"] is None) == (entry.message is None), record
    assert (entry.message or "") in (record["message"] or ""), record
    counts = counts_of(record)
    assert counts == entry.counts, record
    if entry.status == "succeeded":
        assert counts.read == sum(count or 0 for count in counts[1:])
    assert [row[0] for row in rejects_of(app, blob.import_id)] == list(entry.reasons)
    assert kept(cloud, entry) == entry.kept
    assert app.leftovers(cloud) == {}


def kept(cloud: Cloud, entry: Entry) -> dict[str | int, dict[str, object]]:
    """The catalog, in the columns that the entry names."""
    of_categories = any(isinstance(key, int) for key in entry.kept)
    table, key = (categories, "category_id") if of_categories else (products, "asin")
    return {
        row[key]: {name: in_hundredths(row[name]) for name in entry.kept.get(row[key], {})}
        for row in cloud.rows.read(sa.select(table))
    }


def in_hundredths(value: object) -> object:
    """A decimal in hundredths, as entries have it; anything else unchanged."""
    return int(value.scaleb(2)) if isinstance(value, Decimal) else value


def the_next_good_file_works(cloud: Cloud, app: App) -> None:
    title = f"Lamp {next(_GOOD_FILES)}"
    _blob, record = app.import_file(cloud, "good.csv", (PRODUCTS_HEADER + line("B999999999", title=title)).encode())
    assert (record["status"], record["rows_inserted"]) == ("succeeded", 1)
    found = cloud.rows.read(sa.select(products.c.title).where(products.c.asin == "B999999999"))
    assert found == [{"title": title}]


@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry.name)
def test_file(entry: Entry, landing: tuple[Cloud, App]) -> None:
    if entry.status != "rejected" and b"\0" in entry.bytes and not databases.keeps_nul():
        pytest.skip(NEEDS_SQL_SERVER)
    ends(entry, *landing)
    if entry.status != "succeeded":
        the_next_good_file_works(*landing)


def test_the_corpus_has_no_two_of_a_name() -> None:
    assert len({entry.name for entry in CORPUS}) == len(CORPUS)


@pytest.mark.skipif(not MESSY.exists(), reason="the real data isn't beside the project")
def test_a_file_of_another_shop_is_rejected_by_its_header(landing: tuple[Cloud, App]) -> None:
    entry = Entry(MESSY.stem, MESSY.read_bytes(), "rejected", Counts(), "got the header Link,Urun_adi,Puan,")
    ends(entry, *landing)


@pytest.mark.skipif(not MESSY.exists(), reason="the real data isn't beside the project")
def test_what_people_write_in_prices_and_stars_is_rejected_row_by_row(landing: tuple[Cloud, App]) -> None:
    """The 6,960 rows of the same shop with our header and its texts for stars, reviews and price."""
    cloud, app = landing
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(PRODUCTS.split(","))
    with MESSY.open(newline="", encoding="utf-8-sig") as file:
        theirs = list(csv.reader(file))[1:]
    for number, (link, title, stars, reviews, price) in enumerate(theirs):
        rows.writerow([f"B{number:09}", title, "", link, stars, reviews, price, "", 1, "False", 0])
    blob, record = app.import_file(cloud, "messy rows.csv", text.getvalue().encode())
    assert (record["status"], record["rows_read"]) == ("failed", len(theirs))
    assert "nothing was loaded" in record["message"]
    rejected = rejects_of(app, blob.import_id)
    assert record["rows_rejected"] == len(rejected)
    assert {reason.partition(":")[0] for reason, *_ in rejected} <= set(PRODUCTS.split(","))
    by_asin = {f"B{number:09}": row for number, row in enumerate(theirs)}
    assert all([row[2], row[4]] == by_asin[row[1]][1::-1] for row in rejected)


def test_a_file_cut_off_at_every_seventh_byte_is_loaded_up_to_there_or_not_at_all(landing: tuple[Cloud, App]) -> None:
    """`make prove-imports ONLY=cuts` does it at every byte."""
    cloud, app = landing
    sizes = [*range(0, WHOLE, 7), WHOLE]
    blobs = [cloud.put(f"cut/{size}.csv", cut(size)) for size in sizes]
    app.receive(cloud, *(blob.name for blob in blobs))
    app.end(cloud, *blobs)
    records = {record["import_id"]: record for record in cloud.records()}
    for blob, size in zip(blobs, sizes, strict=True):
        record = records[blob.import_id]
        assert (record["status"], counts_of(record)) == outcome_of_cut(cut(size)), (size, record)
        assert (record["message"] is None) == (record["status"] == "succeeded")
    assert app.leftovers(cloud) == {}
