"""Each uploaded file gets one record, however often its event is delivered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from shared.imports.storage import Uploads, WorkingCopies, WorkingCopy
from shared.settings import Settings
from testkit.csv_files import categories, products
from tests.imports.cloud import App, Blob, Cloud

OTHER = b"a,b\n1,2\n"


def test_a_name_that_does_not_end_in_csv_is_left_alone(app: App, cloud: Cloud) -> None:
    for name in ("lamps.txt", "lamps.csv.gz", "csv", "lamps.csv "):
        blob = app.upload(cloud, name, products(1))
        app.run(app.services.imports.record_poison(blob.message))
    app.reconcile()
    assert cloud.records() == []


@pytest.mark.parametrize(
    "name",
    ["a.csv", "A.CSV", "ü ñ/%41#?&+=;,'.csv", "a//b/c.csv", "\U0001f4a1.csv", ".csv", "x" * 900 + ".csv", "100%.Csv"],
)
def test_a_csv_file_of_any_name_is_imported(app: App, cloud: Cloud, name: str) -> None:
    blob, record = app.import_file(cloud, name, products(3))
    assert (record["blob_name"], record["status"], record["rows_inserted"]) == (blob.name, "succeeded", 3)


def test_two_events_of_one_upload_at_once_make_one_import(
    cloud: Cloud, settings: Settings, start_app: Callable[[Settings], App]
) -> None:
    blob = cloud.put("lamps.csv", products(10))
    apps = [start_app(settings), start_app(settings)]
    threads = [threading.Thread(target=app.receive, args=(cloud, *["lamps.csv"] * 3)) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    apps[0].end(cloud, blob)
    apps[1].receive(cloud, blob.name)
    assert [record["status"] for record in cloud.records()] == ["succeeded"]
    assert len(cloud.outcomes()) == 1


def test_the_same_bytes_again_or_under_another_name_are_a_new_import_all_unchanged(app: App, cloud: Cloud) -> None:
    blobs = []
    for name in ("a.csv", "a.csv", "b.csv"):
        blobs.append(cloud.put(name, products(5)))
        app.receive(cloud, name)
        app.end(cloud, blobs[-1])
    assert len({blob.import_id for blob in blobs}) == 3
    counts = [(record["rows_inserted"], record["rows_unchanged"]) for record in cloud.records()]
    assert counts == [(5, 0), (0, 5), (0, 5)]


def test_a_wrong_file_is_rejected_with_a_sentence_and_the_next_one_works(app: App, cloud: Cloud) -> None:
    wrong, empty, good = (
        cloud.put("other.csv", OTHER),
        cloud.put("empty.csv", b""),
        cloud.put("good.csv", categories(2)),
    )
    app.receive(cloud, wrong.name, empty.name, good.name)
    records = app.end(cloud, wrong, empty, good)
    assert [record["status"] for record in records] == ["rejected", "rejected", "succeeded"]
    assert "got the header a,b." in records[0]["message"]
    assert "got an empty file." in records[1]["message"]
    assert records[2]["message"] is None
    for record in records[:2]:
        assert (record["kind"], record["run_id"], record["rows_read"]) == (None, None, None)
        assert record["finished_at"]
    assert app.leftovers(cloud) == {}


def test_a_blob_deleted_before_its_event_arrives_is_no_import(app: App, cloud: Cloud) -> None:
    cloud.put("lamps.csv", products(1))
    cloud.delete("lamps.csv")
    app.receive(cloud, "lamps.csv")
    assert cloud.records() == []


@pytest.mark.parametrize("became", ["overwritten", "deleted"])
def test_a_blob_that_moves_on_before_its_head_is_read_ends_cancelled(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud, became: str
) -> None:
    blob = cloud.put("lamps.csv", products(1))
    whole = Uploads.read_head

    def head(uploads: Uploads, seen: Any) -> bytes:
        monkeypatch.setattr(Uploads, "read_head", whole)
        cloud.put("lamps.csv", OTHER) if became == "overwritten" else cloud.delete("lamps.csv")
        return whole(uploads, seen)

    monkeypatch.setattr(Uploads, "read_head", head)
    app.receive(cloud, blob.name)
    record = cloud.record(blob.import_id)
    assert record["status"] == "cancelled"
    assert f"The blob was {became} before its import began" in record["message"]


@pytest.mark.parametrize("became", ["overwritten", "deleted"])
def test_a_blob_that_moves_on_between_its_record_and_its_copy_ends_cancelled(
    monkeypatch: pytest.MonkeyPatch, app: App, cloud: Cloud, became: str
) -> None:
    blob = cloud.put("lamps.csv", products(1))
    start = WorkingCopies.start
    newer: list[Blob] = []

    def start_late(copies: WorkingCopies, import_id: str, name: str, etag: str) -> WorkingCopy:
        if not newer and became == "overwritten":
            newer.append(cloud.put("lamps.csv", products(2)))
        elif not newer:
            cloud.delete("lamps.csv")
        return start(copies, import_id, name, etag)

    monkeypatch.setattr(WorkingCopies, "start", start_late)
    app.receive(cloud, blob.name)
    record = cloud.record(blob.import_id)
    assert (record["status"], record["run_id"]) == ("cancelled", None)
    assert f"The blob was {became} before its import began" in record["message"]
    assert app.leftovers(cloud) == {}
    if newer:
        app.receive(cloud, "lamps.csv")
        (record,) = app.end(cloud, newer[0])
        assert (record["status"], record["rows_inserted"]) == ("succeeded", 2)


def test_a_blob_overwritten_while_its_import_runs_is_two_imports_each_of_its_own_bytes(app: App, cloud: Cloud) -> None:
    first = cloud.put("lamps.csv", products(3))
    app.receive(cloud, first.name)
    second = cloud.put("lamps.csv", products(4))
    app.receive(cloud, second.name)
    records = app.end(cloud, first, second)
    assert [record["rows_read"] for record in records] == [3, 4]
    assert [record["status"] for record in records] == ["succeeded", "succeeded"]


def test_a_message_of_the_poison_queue_is_recorded_as_failed_once(app: App, cloud: Cloud) -> None:
    blob = cloud.put("lamps.csv", products(2))
    for _ in range(2):
        app.run(app.services.imports.record_poison(blob.message))
    (record,) = cloud.records()
    assert (record["import_id"], record["status"]) == (blob.import_id, "failed")
    assert "failed five times" in record["message"]
    app.receive(cloud, blob.name)  # a late event changes nothing
    assert [row["status"] for row in cloud.records()] == ["failed"]


def test_a_message_of_the_poison_queue_leaves_an_import_alone_that_has_a_record(app: App, cloud: Cloud) -> None:
    blob = app.upload(cloud, "lamps.csv", products(2))
    app.run(app.services.imports.record_poison(blob.message))
    (record,) = app.end(cloud, blob)
    assert record["status"] == "succeeded"


@pytest.mark.parametrize("text", ["", "{}", "[]", "no JSON", '{"BlobName": "a.csv"}', '{"BlobName": 1, "ETag": "x"}'])
def test_a_poison_message_that_cannot_be_read_is_refused_so_that_the_host_keeps_it(app: App, text: str) -> None:
    with pytest.raises(ValidationError):
        app.run(app.services.imports.record_poison(text))
