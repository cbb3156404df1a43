"""Files that are uploaded in any order, late, twice or concurrently: the catalog and the records are right."""

from __future__ import annotations

import dataclasses

import pytest
import sqlalchemy as sa

from shared.catalog.tables import categories as categories_table
from shared.catalog.tables import products as products_table
from shared.imports.storage import WorkingCopies, WorkingCopy
from shared.settings import Settings
from testkit.csv_files import categories, products
from tests.imports.cloud import App, Blob, Cloud
from tests.imports.test_cancel import catalog_held, wait_for_merge


def _categories(cloud: Cloud) -> list[tuple[int, str, int]]:
    rows = cloud.rows.read(sa.select(categories_table).order_by(categories_table.c.category_id))
    return [(row["category_id"], row["name"], row["product_count"]) for row in rows]


def _prices(cloud: Cloud) -> list[int]:
    """In hundredths."""
    rows = cloud.rows.read(sa.select(products_table).order_by(products_table.c.asin))
    return [int(row["price"] * 100) for row in rows]


def _imported(app: App, cloud: Cloud, name: str, content: bytes) -> None:
    _blob, record = app.import_file(cloud, name, content)
    assert record["status"] == "succeeded"


def test_products_before_their_categories_are_of_placeholders_that_the_categories_name_later(
    app: App, cloud: Cloud
) -> None:
    _imported(app, cloud, "products.csv", products(4, category=2))
    assert _categories(cloud) == [(2, "Category 2", 4)]
    _imported(app, cloud, "categories.csv", categories(3))
    assert _categories(cloud) == [(1, "Kind 1", 0), (2, "Kind 2", 4), (3, "Kind 3", 0)]


def test_categories_before_their_products_keep_their_names(app: App, cloud: Cloud) -> None:
    _imported(app, cloud, "categories.csv", categories(3))
    _imported(app, cloud, "products.csv", products(4, category=2))
    assert _categories(cloud) == [(1, "Kind 1", 0), (2, "Kind 2", 4), (3, "Kind 3", 0)]


def test_products_and_their_categories_at_once_come_to_the_same(app: App, cloud: Cloud) -> None:
    blobs = [cloud.put("products.csv", products(400, category=2)), cloud.put("categories.csv", categories(3))]
    app.receive(cloud, *(blob.name for blob in blobs))
    assert [record["status"] for record in app.end(cloud, *blobs)] == ["succeeded", "succeeded"]
    assert _categories(cloud) == [(1, "Kind 1", 0), (2, "Kind 2", 400), (3, "Kind 3", 0)]


def test_two_files_of_overlapping_asins_at_once_are_merged_one_after_the_other(app: App, cloud: Cloud) -> None:
    files = {"cheap.csv": (0, 100), "dear.csv": (50, 200)}
    blobs = [
        cloud.put(name, products(100, first=first, price=f"{cents / 100}")) for name, (first, cents) in files.items()
    ]
    app.receive(cloud, *files)
    records = app.end(cloud, *blobs)
    assert [record["status"] for record in records] == ["succeeded", "succeeded"]
    order = [outcome["blob_name"] for outcome in cloud.outcomes()]
    counts = {record["blob_name"]: (record["rows_inserted"], record["rows_updated"]) for record in records}
    assert [counts[name] for name in order] == [(100, 0), (50, 50)]
    assert _prices(cloud) == [100] * 50 + [files[order[-1]][1]] * 50 + [200] * 50


def test_the_event_of_an_older_upload_that_comes_late_changes_nothing(app: App, cloud: Cloud) -> None:
    cloud.put("lamps.csv", products(3, price="1"))  # its event is late
    newer = cloud.put("lamps.csv", products(3, price="2"))
    app.receive(cloud, newer.name)
    app.end(cloud, newer)
    app.receive(cloud, newer.name)
    app.reconcile()
    assert [record["import_id"] for record in cloud.records()] == [newer.import_id]
    assert _prices(cloud) == [200] * 3


def test_an_older_upload_that_would_be_merged_after_a_newer_one_ends_cancelled(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud
) -> None:
    older = cloud.put("lamps.csv", products(3, price="1"))
    start = WorkingCopies.start

    def start_slowly(copies: WorkingCopies, import_id: str, name: str, etag: str) -> WorkingCopy:
        copy = start(copies, import_id, name, etag)
        return dataclasses.replace(copy, state="pending") if import_id == older.import_id else copy

    with monkeypatch.context() as later:
        later.setattr(WorkingCopies, "start", start_slowly)
        app.receive(cloud, older.name)
        newer = cloud.put("lamps.csv", products(3, price="2"))
        app.receive(cloud, newer.name)
        (record,) = app.end(cloud, newer)
        assert record["status"] == "succeeded"
        assert cloud.record(older.import_id)["status"] == "received"
    (record,) = app.end(cloud, older)
    assert (record["status"], record["rows_inserted"]) == ("cancelled", None)
    assert record["message"] == "A newer upload of lamps.csv was loaded before this one; nothing was loaded."
    assert _prices(cloud) == [200] * 3
    assert app.leftovers(cloud) == {}


@pytest.mark.parametrize("becomes", ["overwritten", "deleted"])
def test_a_blob_that_moves_on_while_its_run_waits_in_the_queue_is_imported_as_it_was(
    app: App, cloud: Cloud, settings: Settings, becomes: str
) -> None:
    first, waiting = cloud.put("first.csv", products(2, first=10)), cloud.put("lamps.csv", products(3, price="1"))
    newer: list[Blob] = []
    with catalog_held(settings):
        app.receive(cloud, first.name)
        wait_for_merge(app, cloud, first)
        app.receive(cloud, waiting.name)
        assert cloud.record(waiting.import_id)["status"] == "running"
        if becomes == "deleted":
            cloud.delete("lamps.csv")
        else:
            newer.append(cloud.put("lamps.csv", b"something else"))
    records = app.end(cloud, first, waiting)
    assert [(record["status"], record["rows_inserted"]) for record in records] == [("succeeded", 2), ("succeeded", 3)]
    assert [record["status"] for record in app.end_after(cloud, *newer)] == ["rejected"] * len(newer)
    assert app.leftovers(cloud) == {}
