"""A file may lack optional columns: its record keeps which columns it has, and the run's mapping names just these."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from shared.catalog.tables import products as products_table
from shared.imports.tables import import_records
from shared.settings import Settings
from testkit.csv_files import CATEGORIES, PRODUCTS, categories, products
from tests.imports.cloud import App, Blob, Cloud, runs
from tests.imports.failing import full_factory_queue

MANDATORY = "asin,title,category_id"


def mapped(settings: Settings, blob: Blob) -> list[str]:
    """The columns in the mapping of the import's run; each is mapped as text to the column of its name."""
    (run,) = [run for run in runs(settings) if run["parameters"]["import_id"] == blob.import_id]
    translator = json.loads(run["parameters"]["mapping"])
    names = [mapping["source"]["name"] for mapping in translator["mappings"]]
    columns = [{"name": name, "type": "String"} for name in names]
    mappings = [{"source": column, "sink": column} for column in columns]
    assert translator == {"type": "TabularTranslator", "mappings": mappings}
    return names


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (f"{MANDATORY}\nB000000001,Lamp,7\n".encode(), MANDATORY),
        (b"colour,price,category_id,title,asin\nred,2.5,7,Lamp,B000000001\n", "asin,title,price,category_id"),
        (products(1), PRODUCTS),
        (categories(1), CATEGORIES),
    ],
)
def test_the_mapping_has_the_known_columns_of_the_file(
    app: App, cloud: Cloud, settings: Settings, content: bytes, columns: str
) -> None:
    blob, record = app.import_file(cloud, "a.csv", content)
    assert (record["status"], record["rows_inserted"], record["csv_columns"]) == ("succeeded", 1, columns)
    assert mapped(settings, blob) == [*columns.split(","), "run_id"]


def test_a_record_from_before_its_columns_were_kept_is_of_a_file_with_all_columns(
    app: App, cloud: Cloud, settings: Settings
) -> None:
    blob = cloud.put("lamps.csv", products(1))
    with full_factory_queue():
        app.receive(cloud, blob.name)
    cloud.rows.change(sa.update(import_records).values(csv_columns=None))
    (record,) = app.end(cloud, blob)
    assert record["status"] == "succeeded"
    assert mapped(settings, blob) == [*PRODUCTS.split(","), "run_id"]


def test_a_file_without_optional_columns_leaves_their_fields_as_they_are(app: App, cloud: Cloud) -> None:
    for name, content in {
        "whole.csv": products(2, price="1.5"),
        "titles.csv": f"{MANDATORY}\nB000000000,Lamp 0,1\nB000000001,Desk,1\nB000000002,Chair,1\n".encode(),
    }.items():
        _blob, record = app.import_file(cloud, name, content)
        assert record["status"] == "succeeded", record
    assert (record["rows_inserted"], record["rows_updated"], record["rows_unchanged"]) == (1, 1, 1)
    columns = products_table.c
    kept = sa.select(columns.title, columns.price, columns.stars, columns.reviews).order_by(columns.asin)
    rows = [(row["title"], row["price"] and str(row["price"]), row["reviews"]) for row in cloud.rows.read(kept)]
    assert rows == [("Lamp 0", "1.50", 0), ("Desk", "1.50", 0), ("Chair", None, 0)]


def test_a_rejected_file_has_no_columns(app: App, cloud: Cloud) -> None:
    blob = app.upload(cloud, "other.csv", b"asin,title\n")
    record = cloud.record(blob.import_id)
    assert (record["status"], record["csv_columns"]) == ("rejected", None)
