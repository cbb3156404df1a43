"""Staging rows on a server never outlive their import: the timer deletes the rows that no merge has deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from shared.imports import cleanup, repository
from shared.imports.data_factory import DataFactoryClient
from shared.imports.tables import import_records, products_staging
from shared.settings import Settings
from testkit import databases
from testkit.csv_files import products
from tests.imports.cloud import App, Cloud
from tests.imports.test_cancel import catalog_held, wait_for_merge

pytestmark = pytest.mark.server


def stage(cloud: Cloud, run_id: str, rows: int = 1) -> None:
    """Inserts the rows of a Copy that was killed after them."""
    cloud.rows.change(sa.insert(products_staging), *({"run_id": run_id, "asin": f"B{n:09}"} for n in range(rows)))


def staged(cloud: Cloud) -> Sequence[str]:
    """The run id of each staging row, in order."""
    rows = sa.select(products_staging.c.run_id).order_by(products_staging.c.row_no)
    return [row["run_id"] for row in cloud.rows.read(rows)]


def an_import_runs(cloud: Cloud, **changes: Any) -> None:
    now = dt.datetime.now(dt.UTC)
    record = {"import_id": "x", "blob_name": "x.csv", "etag": "x", "size_bytes": 1, "kind": "products"}
    record |= {"status": "running", "max_reject_share": 0.5, "received_at": now, "started_at": now}
    cloud.rows.change(sa.insert(import_records), record | changes)


def test_rows_of_a_run_that_the_factory_has_forgotten_go(app: App, cloud: Cloud) -> None:
    stage(cloud, "killed", 3)
    app.reconcile()
    assert staged(cloud) == []


@pytest.mark.parametrize("run_id", ["just begun", None])
def test_rows_of_a_run_that_the_factory_may_not_know_yet_stay(app: App, cloud: Cloud, run_id: str | None) -> None:
    an_import_runs(cloud, run_id=run_id)
    stage(cloud, "just begun")
    app.run(app.services.reconciliation.cleanup.delete_leftover_rows())
    assert staged(cloud) == ["just begun"]
    cloud.rows.change(sa.update(import_records).values(status="failed"))
    app.run(app.services.reconciliation.cleanup.delete_leftover_rows())
    assert staged(cloud) == []


def test_rows_of_a_run_that_is_under_way_stay_and_are_merged_while_those_of_one_before_go(
    app: App, cloud: Cloud, settings: Settings
) -> None:
    stage(cloud, "killed", 3)
    blob = cloud.put("lamps.csv", products(2))
    with catalog_held(settings):
        app.receive(cloud, blob.name)
        wait_for_merge(app, cloud, blob)
        run_id = cloud.record(blob.import_id)["run_id"]
        app.reconcile()
        assert staged(cloud) == [run_id, run_id]
    (record,) = app.end(cloud, blob)
    assert (record["status"], record["rows_inserted"]) == ("succeeded", 2)
    assert app.leftovers(cloud) == {}


def test_rows_that_a_merge_reads_stay_although_the_factory_has_given_up_its_run(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud, settings: Settings
) -> None:
    blob = cloud.put("lamps.csv", products(2))
    with catalog_held(settings):
        app.receive(cloud, blob.name)
        wait_for_merge(app, cloud, blob)
        with monkeypatch.context() as given_up:
            given_up.setattr(DataFactoryClient, "has_run_ended", lambda *_: True)
            app.run(app.services.reconciliation.cleanup.delete_leftover_rows())
        assert len(staged(cloud)) == 2
    (record,) = app.end(cloud, blob)
    assert (record["status"], record["rows_inserted"]) == ("succeeded", 2)


def test_a_call_deletes_a_bounded_part_and_the_next_continues(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud
) -> None:
    monkeypatch.setattr(cleanup, "_ROWS", 2)
    monkeypatch.setattr(cleanup, "_TRANSACTIONS", 2)
    stage(cloud, "killed", 5)
    stage(cloud, "another", 2)
    left = []
    for _ in range(2):
        app.run(app.services.reconciliation.cleanup.delete_leftover_rows())
        left.append(len(staged(cloud)))
    assert left == [3, 0]


def test_of_two_timers_at_once_neither_fails(app: App, cloud: Cloud) -> None:
    stage(cloud, "killed", 50)
    first = repository.StagedRow(1, "killed")

    def drop(_: int) -> bool:
        with databases.server_engine(cloud.url).begin() as connection:
            return repository.delete_staged_rows(connection, "products", first, 1_000_000)

    with ThreadPoolExecutor(2) as pool:
        assert any(pool.map(drop, range(2)))
    app.run(app.services.reconciliation.cleanup.delete_leftover_rows())
    assert staged(cloud) == []
