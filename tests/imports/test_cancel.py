"""Cancelling an import in each of its states: nothing of it is loaded, and its record says so."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from local.datafactory.stores.blobs import BlobStore
from shared.catalog.tables import categories
from shared.imports import storage
from shared.imports.data_factory import DataFactoryClient
from shared.imports.tables import import_records
from shared.settings import Settings
from testkit import databases
from testkit.csv_files import products
from tests.imports.cloud import DEADLINE_SECONDS, App, Blob, Cloud, problem_of


@contextmanager
def catalog_held(settings: Settings) -> Iterator[None]:
    """A writer holds the catalog: merges wait, reads continue."""
    url = sa.make_url(settings.database_url.get_secret_value())
    on_sqlite = url.get_backend_name() == "sqlite"
    # Babelfish has no table locks: there the merge waits for the row of its category.
    with databases.autocommit_engine(url).connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if on_sqlite else "BEGIN TRANSACTION")
        connection.execute(sa.insert(categories).values(category_id=1, name="Another's", product_count=0))
        try:
            yield
        finally:
            connection.exec_driver_sql("ROLLBACK")


def cancel(api: httpx.Client, blob: Blob) -> dict[str, Any]:
    reply = api.post(f"/api/imports/{blob.import_id}/cancel")
    assert reply.status_code == 202, reply.text
    record: dict[str, Any] = reply.json()
    return record


def wait_for_merge(app: App, cloud: Cloud, blob: Blob) -> None:
    app.reconcile_until(lambda: '"Merge"' in cloud.record(blob.import_id)["steps"], "the merge has begun")


def test_an_import_that_waits_for_its_copy_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, app: App, api: httpx.Client, cloud: Cloud
) -> None:
    monkeypatch.setattr(storage, "_state", lambda _: "pending")
    blob = app.upload(cloud, "lamps.csv", products(2))
    assert cloud.record(blob.import_id)["status"] == "received"
    record = cancel(api, blob)
    assert (record["status"], record["message"]) == ("cancelled", "Cancelled before it began; nothing was loaded.")
    assert record["finished_at"]
    assert app.leftovers(cloud) == {}


def test_an_import_that_waits_for_the_factory_ends_though_the_factory_is_away(away: App, cloud: Cloud) -> None:
    blob = away.upload(cloud, "lamps.csv", products(2))
    record = cloud.record(blob.import_id)
    assert record["status"] == "received"
    assert "Data Factory, which doesn't answer" in record["message"]
    shown = away.run(away.services.imports.cancel(blob.import_id))
    assert shown.status == "cancelled"
    assert away.leftovers(cloud) == {}


def test_a_run_in_the_queue_is_cancelled(app: App, api: httpx.Client, cloud: Cloud, settings: Settings) -> None:
    first, second = cloud.put("first.csv", products(2)), cloud.put("second.csv", products(2, first=10))
    with catalog_held(settings):
        app.receive(cloud, first.name)
        wait_for_merge(app, cloud, first)
        app.receive(cloud, second.name)
        assert cloud.record(second.import_id)["status"] == "running"
        cancel(api, second)
    records = app.end(cloud, first, second)
    assert [record["status"] for record in records] == ["succeeded", "cancelled"]
    assert "nothing was loaded" in records[1]["message"]
    assert cloud.products() == 2
    assert app.leftovers(cloud) == {}


def test_a_running_copy_is_stopped_and_its_rows_are_gone(
    monkeypatch: pytest.MonkeyPatch, app: App, api: httpx.Client, cloud: Cloud
) -> None:
    read = BlobStore.read
    begun, told = threading.Event(), threading.Event()

    def read_slowly(store: BlobStore, container: str, name: str) -> Iterator[bytes]:
        for chunk in read(store, container, name):
            yield chunk[: len(chunk) // 2]
            begun.set()
            told.wait(DEADLINE_SECONDS)
            yield chunk[len(chunk) // 2 :]

    monkeypatch.setattr(BlobStore, "read", read_slowly)
    blob = app.upload(cloud, "lamps.csv", products(1000))
    assert begun.wait(DEADLINE_SECONDS)
    cancel(api, blob)
    told.set()
    (record,) = app.end(cloud, blob)
    assert (record["status"], record["message"]) == ("cancelled", "Cancelled on request; nothing was loaded.")
    assert (cloud.products(), app.leftovers(cloud)) == (0, {})


@pytest.mark.sqlite_only  # a server has no file that the outcome would wait for
def test_a_running_merge_is_rolled_back_and_a_second_cancel_before_the_end_is_taken(
    app: App, api: httpx.Client, cloud: Cloud, settings: Settings
) -> None:
    blob = cloud.put("lamps.csv", products(2))
    with catalog_held(settings):
        app.receive(cloud, blob.name)
        wait_for_merge(app, cloud, blob)
        for _ in range(2):
            # Its end is written to the catalog, which is held: so it isn't finished yet.
            assert cancel(api, blob)["status"] == "running"
    (record,) = app.end(cloud, blob)
    assert (record["status"], record["rows_read"]) == ("cancelled", None)
    assert record["message"] == "Cancelled on request; nothing was loaded."
    assert [outcome["status"] for outcome in cloud.outcomes()] == ["cancelled"]
    assert cloud.products() == 0
    assert app.leftovers(cloud) == {}
    problem_of(api.post(f"/api/imports/{blob.import_id}/cancel"), 409)


def test_what_is_committed_stays_succeeded(app: App, api: httpx.Client, cloud: Cloud) -> None:
    blob = app.upload(cloud, "lamps.csv", products(2))
    app.reconcile_until(lambda: bool(cloud.outcomes()), "the merge has committed")
    if cloud.record(blob.import_id)["status"] == "running":
        assert cancel(api, blob)["status"] == "succeeded"
    (record,) = app.end(cloud, blob)
    assert (record["status"], record["rows_inserted"]) == ("succeeded", 2)


@pytest.mark.parametrize("content", [products(1), b"a,b\n"])
def test_a_finished_import_cannot_be_cancelled(app: App, api: httpx.Client, cloud: Cloud, content: bytes) -> None:
    blob, record = app.import_file(cloud, "a.csv", content)
    detail = problem_of(api.post(f"/api/imports/{blob.import_id}/cancel"), 409)
    assert detail == f"Expected an import that hasn't ended, got one that is {record['status']}."


@pytest.mark.not_babelfish  # it doesn't hear a cancel while it waits for a lock
def test_a_run_whose_cancel_was_lost_is_cancelled_by_the_next_reconcile(
    app: App, cloud: Cloud, settings: Settings
) -> None:
    blob = cloud.put("lamps.csv", products(2))
    with catalog_held(settings):
        app.receive(cloud, blob.name)
        wait_for_merge(app, cloud, blob)
        # As if the process had died between the request to cancel and its call of Data Factory.
        cloud.rows.change(sa.update(import_records).values(cancel_requested=True))
        app.reconcile()
        run_id = cloud.record(blob.import_id)["run_id"]

        def has_ended() -> bool:
            run = DataFactoryClient(settings).get_run(run_id, dt.datetime.now(dt.UTC))
            return run is not None and run.status == "Cancelled"

        app.reconcile_until(has_ended, "the run was cancelled")
    (record,) = app.end(cloud, blob)
    assert record["status"] == "cancelled"
    assert cloud.products() == 0


@pytest.mark.not_babelfish  # as above
def test_a_run_that_somebody_cancels_in_the_factory_ends_as_cancelled(
    app: App, cloud: Cloud, settings: Settings
) -> None:
    blob = cloud.put("lamps.csv", products(2))
    with catalog_held(settings):
        app.receive(cloud, blob.name)
        wait_for_merge(app, cloud, blob)
        DataFactoryClient(settings).cancel_run(cloud.record(blob.import_id)["run_id"])
    (record,) = app.end(cloud, blob)
    assert (record["status"], record["message"]) == (
        "cancelled",
        "The Data Factory run was cancelled; nothing was loaded.",
    )


def test_an_unknown_import_is_404(api: httpx.Client) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    for method, path in (("GET", ""), ("GET", "/rejects"), ("POST", "/cancel"), ("POST", "/retry")):
        detail = problem_of(api.request(method, f"/api/imports/{unknown}{path}"), 404)
        assert detail == f"There is no import {unknown}."
