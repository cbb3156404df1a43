"""A failed or cancelled import is retried without another upload."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from shared.imports.storage import WorkingCopies
from shared.imports.tables import import_records, import_rejects
from shared.settings import Settings
from testkit.csv_files import PRODUCTS, products
from tests.imports.cloud import App, Blob, Cloud, problem_of
from tests.imports.failing import Died, die_once, full_factory_queue

BAD_ROWS = "\n".join([PRODUCTS, *["bad,x,,,,0,,,1,False,0"] * 3, "B000000001,Good,,,,0,,,1,False,0", ""]).encode()
OPEN_QUOTE = f'{PRODUCTS}\nB000000001,"never closed,,,,0,,,1,False,0\n'.encode()


def retry(api: httpx.Client, blob: Blob) -> dict[str, Any]:
    reply = api.post(f"/api/imports/{blob.import_id}/retry")
    assert reply.status_code == 202, reply.text
    record: dict[str, Any] = reply.json()
    return record


def cancelled(app: App, cloud: Cloud, content: bytes) -> Blob:
    """An import that was cancelled before its run could begin."""
    blob = cloud.put("lamps.csv", content)
    with full_factory_queue():
        app.receive(cloud, blob.name)
        assert app.run(app.services.imports.cancel(blob.import_id)).status == "cancelled"
    return blob


def test_a_cancelled_import_succeeds_when_it_is_retried(app: App, api: httpx.Client, cloud: Cloud) -> None:
    blob = cancelled(app, cloud, products(4))
    shown = retry(api, blob)
    assert shown["status"] in {"received", "running", "succeeded"}
    assert (shown["message"], shown["finished_at"]) == (None, None) or shown["status"] == "succeeded"
    (record,) = app.end(cloud, blob)
    assert (record["status"], record["rows_inserted"], record["cancel_requested"]) == ("succeeded", 4, 0)
    assert len(cloud.records()) == 1
    assert app.leftovers(cloud) == {}


def test_an_import_that_failed_for_its_bad_rows_has_one_outcome_after_each_try(
    app: App, api: httpx.Client, cloud: Cloud
) -> None:
    blob = app.upload(cloud, "bad.csv", BAD_ROWS)
    (first,) = app.end(cloud, blob)
    assert (first["status"], first["rows_rejected"]) == ("failed", 3)
    retry(api, blob)
    (second,) = app.end(cloud, blob)
    assert (second["status"], second["rows_rejected"]) == ("failed", 3)
    assert first["run_id"] != second["run_id"]
    # The record says which share of bad rows is allowed.
    cloud.rows.change(sa.update(import_records).values(max_reject_share=0.9))
    retry(api, blob)
    (third,) = app.end(cloud, blob)
    assert (third["status"], third["rows_inserted"], third["rows_rejected"]) == ("succeeded", 1, 3)
    assert [outcome["status"] for outcome in cloud.outcomes()] == ["succeeded"]
    assert len(cloud.rows.read(sa.select(import_rejects))) == 3


def test_a_file_that_cannot_be_read_to_its_end_fails_each_time(app: App, api: httpx.Client, cloud: Cloud) -> None:
    blob = app.upload(cloud, "open.csv", OPEN_QUOTE)
    for _ in range(2):
        (record,) = app.end(cloud, blob)
        assert (record["status"], record["rows_read"]) == ("failed", None)
        assert "can't be read to its end" in record["message"]
        assert cloud.products() == 0
        assert app.leftovers(cloud) == {}
        retry(api, blob)
    app.end(cloud, blob)


def test_an_import_whose_event_was_poisoned_is_imported_when_it_is_retried(
    app: App, api: httpx.Client, cloud: Cloud
) -> None:
    blob = cloud.put("lamps.csv", products(2))
    app.run(app.services.imports.record_poison(blob.message))
    retry(api, blob)
    (record,) = app.end(cloud, blob)
    assert (record["kind"], record["status"], record["rows_inserted"]) == ("products", "succeeded", 2)
    assert record["size_bytes"] == len(products(2))


def test_a_poisoned_event_of_a_wrong_file_is_rejected_when_it_is_retried(
    app: App, api: httpx.Client, cloud: Cloud
) -> None:
    blob = cloud.put("other.csv", b"a,b\n")
    app.run(app.services.imports.record_poison(blob.message))
    record = retry(api, blob)
    assert record["status"] == "rejected"
    assert "got the header a,b" in record["message"]
    problem_of(api.post(f"/api/imports/{blob.import_id}/retry"), 409)


@pytest.mark.parametrize("became", ["overwritten", "deleted"])
def test_an_import_whose_blob_has_moved_on_is_not_retried(
    app: App, api: httpx.Client, cloud: Cloud, became: str
) -> None:
    blob = cancelled(app, cloud, products(2))
    cloud.put("lamps.csv", products(3)) if became == "overwritten" else cloud.delete("lamps.csv")
    detail = problem_of(api.post(f"/api/imports/{blob.import_id}/retry"), 409)
    assert detail == f"Expected the blob as it was when the import began, got one that was {became}: upload it again."
    assert cloud.record(blob.import_id)["status"] == "cancelled"


@pytest.mark.parametrize("status", ["received", "running", "succeeded", "rejected"])
def test_an_import_that_neither_failed_nor_was_cancelled_is_not_retried(
    app: App, api: httpx.Client, cloud: Cloud, status: str
) -> None:
    blob = cancelled(app, cloud, products(2))
    cloud.rows.change(sa.update(import_records).values(status=status))
    detail = problem_of(api.post(f"/api/imports/{blob.import_id}/retry"), 409)
    assert detail == f"Expected a failed or cancelled import, got one that is {status}."
    assert cloud.record(blob.import_id)["status"] == status


def test_of_concurrent_retries_one_starts_the_import(
    cloud: Cloud, settings: Settings, start_app: Callable[[Settings], App], api: httpx.Client
) -> None:
    app = start_app(settings)
    blob = app.upload(cloud, "bad.csv", BAD_ROWS)
    app.end(cloud, blob)
    replies: list[int] = []
    url = f"{api.base_url}/api/imports/{blob.import_id}/retry"
    threads = [
        threading.Thread(target=lambda: replies.append(httpx.post(url, timeout=60).status_code)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(replies) <= {202, 409}
    assert 202 in replies
    (record,) = app.end(cloud, blob)
    assert (record["status"], record["rows_rejected"]) == ("failed", 3)
    assert [outcome["status"] for outcome in cloud.outcomes()] == ["failed"]
    assert app.leftovers(cloud) == {}


def test_a_merge_that_has_committed_meanwhile_is_found_instead_of_done_again(
    app: App, api: httpx.Client, cloud: Cloud
) -> None:
    blob = app.upload(cloud, "lamps.csv", products(2))
    app.end(cloud, blob)
    # As if the record had been finished before the merge committed.
    forgotten = {"status": "failed", "rows_read": None, "rows_inserted": None}
    cloud.rows.change(sa.update(import_records).values(forgotten))
    record = retry(api, blob)
    assert (record["status"], record["rows_inserted"]) == ("succeeded", 2)
    assert app.leftovers(cloud) == {}


def test_a_process_that_ends_an_import_late_leaves_the_copy_of_its_retry(
    monkeypatch: pytest.MonkeyPatch, cloud: Cloud, settings: Settings, start_app: Callable[[Settings], App]
) -> None:
    app, other = start_app(settings), start_app(settings)
    blob = cloud.put("open.csv", OPEN_QUOTE)
    drop = WorkingCopies.delete
    dropped_late: list[Any] = []
    monkeypatch.setattr(WorkingCopies, "delete", lambda *call: dropped_late.append(call))
    app.receive(cloud, blob.name)
    app.end(cloud, blob)
    (late, *_) = dropped_late
    monkeypatch.setattr(WorkingCopies, "delete", drop)
    with full_factory_queue():
        other.run(other.services.imports.retry(blob.import_id))
    assert cloud.blobs("imports-work") == [f"{blob.import_id}.csv"]
    drop(*late)
    assert cloud.blobs("imports-work") == [f"{blob.import_id}.csv"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_dies_in_a_retry_leaves_an_import_that_can_be_retried(
    monkeypatch: pytest.MonkeyPatch, cloud: Cloud, settings: Settings, start_app: Callable[[Settings], App], when: Any
) -> None:
    from shared.imports import repository

    app = start_app(settings)
    blob = app.upload(cloud, "bad.csv", BAD_ROWS)
    app.end(cloud, blob)
    die_once(monkeypatch, repository, "reset_record", when)
    with pytest.raises(Died):
        app.run(app.services.imports.retry(blob.import_id))
    other = start_app(settings)
    assert cloud.record(blob.import_id)["status"] == "failed"  # the transaction died with its process
    other.run(other.services.imports.retry(blob.import_id))
    (record,) = other.end(cloud, blob)
    assert (record["status"], record["rows_rejected"]) == ("failed", 3)
    assert len(cloud.outcomes()) == 1
