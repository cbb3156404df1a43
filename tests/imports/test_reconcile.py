"""The timer finishes unfinished imports, receives blobs whose event was lost, and deletes leftovers."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from azure.core.exceptions import ServiceRequestError

import local.datafactory.factory
from shared.database.tables import cache_invalidations
from shared.imports import reconcile, storage
from shared.imports.data_factory import ActivityRun, DataFactoryClient, DataFactoryRejectedError, Run
from shared.imports.storage import UploadedBlob, Uploads, WorkingCopies, WorkingCopy
from shared.imports.workflow import ImportWorkflow
from shared.settings import Settings
from testkit.csv_files import categories, products
from testkit.waiting import wait_until
from tests.imports.cloud import App, Cloud, local_factory
from tests.imports.test_cancel import catalog_held, wait_for_merge

UNTOLD = sa.select(cache_invalidations).where(cache_invalidations.c.applied_at.is_(None))


def test_a_blob_whose_event_was_lost_is_imported(app: App, cloud: Cloud) -> None:
    wrong, good = cloud.put("wrong.csv", b"a,b\n"), cloud.put("good.csv", products(2))
    cloud.put("notes.txt", b"no import")
    records = app.end_after(cloud, wrong, good)
    assert [record["status"] for record in records] == ["rejected", "succeeded"]
    assert len(cloud.records()) == 2


def test_a_blob_whose_event_may_still_come_is_left_to_it(
    cloud: Cloud, settings: Settings, start_app: Callable[[Settings], App]
) -> None:
    app = start_app(settings.model_copy(update={"import_event_lost_seconds": 3600.0}))
    cloud.put("lamps.csv", products(2))
    app.reconcile()
    assert cloud.records() == []


def test_the_container_is_listed_page_by_page_and_each_run_goes_on_where_the_last_one_ended(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud
) -> None:
    monkeypatch.setattr(storage, "_PAGE", 2)
    for number in range(5):
        cloud.put(f"{number}.csv", b"a,b\n")
    listed: list[list[str]] = []
    list_page = Uploads.list_page

    def noted(uploads: Uploads, continuation: str | None) -> tuple[Sequence[UploadedBlob], str | None]:
        blobs, following = list_page(uploads, continuation)
        listed.append([blob.name for blob in blobs])
        return blobs, following

    monkeypatch.setattr(Uploads, "list_page", noted)
    for _ in range(4):
        app.reconcile()
    assert listed == [["0.csv", "1.csv"], ["2.csv", "3.csv"], ["4.csv"], ["0.csv", "1.csv"]]
    assert len(cloud.records()) == 5


def test_an_import_waits_while_its_copy_is_being_made(monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud) -> None:
    with monkeypatch.context() as slowly:
        slowly.setattr(storage, "_state", lambda _: "pending")
        blob = app.upload(cloud, "lamps.csv", products(2))
        app.reconcile()
        assert cloud.record(blob.import_id)["status"] == "received"
    (record,) = app.end(cloud, blob)
    assert record["status"] == "succeeded"


def test_an_import_whose_copy_the_service_could_not_make_fails_and_can_be_tried_again(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud
) -> None:
    with monkeypatch.context() as in_vain:
        in_vain.setattr(storage, "_state", lambda _: "failed")
        blob = app.upload(cloud, "lamps.csv", products(2))
    record = cloud.record(blob.import_id)
    assert record["status"] == "failed"
    assert "Storage failed to make the import's working copy" in record["message"]
    assert app.leftovers(cloud) == {}
    app.run(app.services.imports.retry(blob.import_id))
    (record,) = app.end(cloud, blob)
    assert record["status"] == "succeeded"


def test_an_import_waits_for_an_unreachable_factory_and_says_so(
    away: App, cloud: Cloud, settings_without_factory: Settings, tmp_path: Path, start_app: Callable[[Settings], App]
) -> None:
    blob = away.upload(cloud, "lamps.csv", products(2))
    away.reconcile()
    record = cloud.record(blob.import_id)
    assert record["status"] == "received"
    assert record["message"].startswith("Waiting for Data Factory, which doesn't answer")
    shown = away.run(away.services.imports.get(blob.import_id))
    assert (shown.status, shown.started_at, shown.progress) == ("received", None, 0.0)
    with local_factory(settings_without_factory, tmp_path / "factory") as address:
        app = start_app(settings_without_factory.model_copy(update={"data_factory_endpoint": address}))
        (record,) = app.end(cloud, blob)
    assert (record["status"], record["message"]) == ("succeeded", None)


def test_imports_beyond_the_factorys_queue_wait_for_room(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud, settings: Settings
) -> None:
    monkeypatch.setattr(local.datafactory.factory, "QUEUE_LIMIT", 2)
    blobs = [cloud.put(f"{number}.csv", products(2, first=10 * number)) for number in range(6)]
    with catalog_held(settings):
        for blob in blobs:
            app.receive(cloud, blob.name)
        statuses = [cloud.record(blob.import_id)["status"] for blob in blobs]
        assert statuses == ["running"] * 3 + ["received"] * 3  # one runs, two are queued
        assert "Waiting for Data Factory, whose queue is full" in cloud.record(blobs[3].import_id)["message"]
    records = app.end(cloud, *blobs)
    assert [(record["status"], record["rows_inserted"], record["message"]) for record in records] == [
        ("succeeded", 2, None)
    ] * 6


def test_a_run_that_the_factory_took_and_then_throttled_is_started_again(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud
) -> None:
    """Data Factory may create a run although its queue is full, and then fail it (Microsoft Q&A 753752)."""
    get_run = DataFactoryClient.get_run
    throttled: list[str] = []

    def once_throttled(factory: DataFactoryClient, run_id: str, since: dt.datetime) -> Run | None:
        if not throttled or run_id in throttled:
            throttled.append(run_id)
            return Run("Failed", "Pipeline execution throttled. If the concurrency value is set for a pipeline, …", ())
        return get_run(factory, run_id, since)

    create_run = DataFactoryClient.create_run
    monkeypatch.setattr(DataFactoryClient, "get_run", once_throttled)
    monkeypatch.setattr(DataFactoryClient, "create_run", lambda *_: "throttled-run")
    blob = app.upload(cloud, "lamps.csv", products(2))
    app.reconcile()
    record = cloud.record(blob.import_id)
    assert (record["status"], record["run_id"]) == ("received", None)
    monkeypatch.setattr(DataFactoryClient, "create_run", create_run)
    (record,) = app.end(cloud, blob)
    assert record["status"] == "succeeded"


@pytest.mark.timeout(240)
def test_150_small_files_at_once_are_150_imports(app: App, cloud: Cloud) -> None:
    blobs = [cloud.put(f"{number}.csv", products(2, first=10 * number)) for number in range(150)]
    app.receive(cloud, *(blob.name for blob in blobs))
    records = app.end(cloud, *blobs)
    assert {(record["status"], record["rows_inserted"]) for record in records} == {("succeeded", 2)}
    assert (len(cloud.records()), len(cloud.outcomes()), cloud.products()) == (150, 150, 300)
    assert app.leftovers(cloud) == {}


def test_two_processes_that_reconcile_at_once_make_one_run_and_one_outcome_of_each_import(
    cloud: Cloud, settings: Settings, start_app: Callable[[Settings], App], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    create_run = DataFactoryClient.create_run

    def noted(factory: DataFactoryClient, kind: Any, import_id: str, columns: Sequence[str]) -> str:
        started.append(import_id)
        return create_run(factory, kind, import_id, columns)

    monkeypatch.setattr(DataFactoryClient, "create_run", noted)
    blobs = [cloud.put(f"{number}.csv", products(2, first=10 * number)) for number in range(12)]
    apps = [start_app(settings), start_app(settings)]
    threads = [threading.Thread(target=app.end_after, args=(cloud, *blobs)) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started) == sorted(blob.import_id for blob in blobs)
    assert {record["status"] for record in cloud.records()} == {"succeeded"}
    assert (len(cloud.records()), len(cloud.outcomes()), cloud.products()) == (12, 12, 24)
    assert apps[0].leftovers(cloud) == {}


def test_an_import_that_cannot_continue_stops_no_other(monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud) -> None:
    broken, good = cloud.put("broken.csv", products(2)), cloud.put("good.csv", products(2))
    start = WorkingCopies.start

    def fail_for_one(copies: WorkingCopies, import_id: str, name: str, etag: str) -> WorkingCopy:
        if name == "broken.csv":
            raise RuntimeError("a fault of ours")
        return start(copies, import_id, name, etag)

    monkeypatch.setattr(WorkingCopies, "start", fail_for_one)
    app.receive(cloud, broken.name, good.name)
    (record,) = app.end(cloud, good)
    assert record["status"] == "succeeded"
    assert cloud.record(broken.import_id)["status"] == "received"
    monkeypatch.undo()
    (record,) = app.end(cloud, broken)
    assert record["status"] == "succeeded"


def test_an_unreachable_storage_stops_no_other_part_of_reconcile(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud
) -> None:
    blob = app.upload(cloud, "lamps.csv", products(2))

    def away(*_: object) -> None:
        raise ServiceRequestError("no route")

    monkeypatch.setattr(Uploads, "list_page", away)
    (record,) = app.end(cloud, blob)
    assert record["status"] == "succeeded"


def test_the_work_of_one_run_is_bounded_and_the_next_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud
) -> None:
    monkeypatch.setattr(reconcile, "_IMPORTS", 2)
    taken: list[str] = []

    async def advance(_workflow: ImportWorkflow, import_id: str) -> None:
        taken.append(cloud.record(import_id)["blob_name"])

    monkeypatch.setattr(ImportWorkflow, "advance", advance)
    for number in range(5):
        cloud.put(f"{number}.csv", products(1))
        app.receive(cloud, f"{number}.csv")
    del taken[:]
    for _ in range(4):
        app.run(app.services.reconciliation.advance_unfinished())
    assert taken == ["0.csv", "1.csv", "2.csv", "3.csv", "4.csv", "0.csv", "1.csv"]


@pytest.mark.usefixtures("app")
def test_working_copies_of_finished_imports_are_deleted_and_no_others(cloud: Cloud, away: App) -> None:
    ended, waiting = cloud.put("ended.csv", b"a,b\n"), cloud.put("waiting.csv", products(1))
    away.receive(cloud, ended.name, waiting.name)
    for import_id in (ended.import_id, "00000000-0000-0000-0000-000000000000"):
        cloud.storage.get_blob_client("imports-work", f"{import_id}.csv").upload_blob(b"x")
    away.reconcile()
    left = {f"{waiting.import_id}.csv", "00000000-0000-0000-0000-000000000000.csv"}
    assert set(cloud.blobs("imports-work")) == left


def test_progress_is_visible_while_the_merge_runs_and_never_goes_back(
    app: App, cloud: Cloud, settings: Settings
) -> None:
    blob = cloud.put("lamps.csv", products(1000))
    seen: list[float] = []
    with catalog_held(settings):
        app.receive(cloud, blob.name)
        wait_for_merge(app, cloud, blob)
        for _ in range(5):
            shown = app.run(app.services.imports.get(blob.import_id))
            seen.append(shown.progress)
        assert (shown.status, shown.rows_read, shown.rows_inserted) == ("running", 1000, None)
        assert [step.name for step in shown.steps] == ["CopyToStaging", "Merge"]
        assert shown.rows_per_second
        assert shown.seconds_left is not None
        assert shown.started_at
    assert seen == sorted(seen)
    assert 0 < seen[0] <= seen[-1] < 1
    (record,) = app.end(cloud, blob)
    assert (record["progress"], record["seconds_left"], record["rows_inserted"]) == (1.0, None, 1000)


def test_get_import_advances_it_without_the_timer(app: App, cloud: Cloud) -> None:
    blob = app.upload(cloud, "kinds.csv", categories(3))

    def shown() -> tuple[str, int | None]:
        record = app.run(app.services.imports.get(blob.import_id))
        return record.status, record.rows_inserted

    wait_until(lambda: shown() == ("succeeded", 3), "the import has succeeded")


def test_an_import_succeeds_only_when_redis_has_its_invalidations(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud
) -> None:
    waiting: list[Any] = []

    async def too_much_to_do() -> None:
        waiting.append(cloud.rows.read(UNTOLD))

    monkeypatch.setattr(app.services.outbox, "catch_up", too_much_to_do)
    blob = app.upload(cloud, "lamps.csv", products(2))
    app.reconcile_until(lambda: bool(waiting), "the outcome was seen")
    app.reconcile()
    assert waiting[0]
    assert cloud.outcomes()[0]["status"] == "succeeded"
    assert cloud.record(blob.import_id)["status"] == "running"
    monkeypatch.undo()
    app.end(cloud, blob)
    assert cloud.rows.read(UNTOLD) == []


def test_an_import_ends_although_redis_is_unreachable(
    cloud: Cloud, settings: Settings, start_app: Callable[[Settings], App]
) -> None:
    from pydantic import SecretStr

    app = start_app(settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:9")}))
    _blob, record = app.import_file(cloud, "lamps.csv", products(2))
    assert record["status"] == "succeeded"


def test_after_a_refused_run_the_factory_gets_no_further_request_at_once(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud
) -> None:
    asked: list[str] = []

    def refuse(_factory: DataFactoryClient, _kind: Any, import_id: str, _columns: Sequence[str]) -> str:
        asked.append(import_id)
        raise DataFactoryRejectedError("full")

    monkeypatch.setattr(DataFactoryClient, "create_run", refuse)
    blobs = [cloud.put(f"{number}.csv", products(1)) for number in range(5)]
    for blob in blobs:
        app.receive(cloud, blob.name)
    assert len(asked) < len(blobs)


def test_the_record_of_a_failed_run_has_our_own_sentence_and_the_log_has_the_error_code(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    # Data Factory's messages may quote the file; they are in its own log.
    secret = "SqlOperationFailed: truncated value 'S3CRET lamp'; login failed for user 'sa' at 10.0.0.1"
    activities: Sequence[ActivityRun] = (
        ActivityRun("CopyToStaging", "Succeeded", 1.0, {}, ""),
        ActivityRun("Merge", "Failed", 2.0, {}, f"2402 {secret}"),
    )
    monkeypatch.setattr(DataFactoryClient, "create_run", lambda *_: "a-run")
    monkeypatch.setattr(DataFactoryClient, "get_run", lambda *_: Run("Failed", "Operation failed", tuple(activities)))
    _blob, record = app.import_file(cloud, "lamps.csv", products(1))
    assert record["status"] == "failed"
    assert record["message"].startswith("The run ended in its step Merge; nothing was loaded.")
    assert "10.0.0.1" not in record["message"]
    (told,) = [entry.getMessage() for entry in caplog.records if "a-run ended Failed" in entry.getMessage()]
    assert told.endswith("Merge (2402)")
