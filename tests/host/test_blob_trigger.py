"""Blob triggers on Azurite: each version of a blob is delivered once; after five failures it is poison."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient

from local import services
from local.host import storage
from local.host.blob_receipts import BlobVersion
from local.host.blob_scan import BlobScan
from local.host.storage import Storage
from testkit.processes import ServiceProcess
from testkit.waiting import wait_until
from tests.host.hosting import FunctionApp


@pytest.fixture
def drop(azurite: str) -> Iterator[ContainerClient]:
    with BlobServiceClient.from_connection_string(azurite) as account:
        yield account.create_container("drop")


@pytest.fixture
def app(azurite: str, tmp_path: Path) -> FunctionApp:
    return FunctionApp.make(
        tmp_path / "app",
        "blobs",
        {"DATA": azurite, "AzureWebJobsStorage": azurite, "AzureFunctionsWebHost__hostid": "tested"},
        host={"extensions": {"blobs": {"maxDegreeOfParallelism": 2}}},
    )


def test_a_blob_is_delivered_once_also_after_a_restart(app: FunctionApp, drop: ContainerClient) -> None:
    drop.upload_blob("before.csv", b"1")
    with app.running() as host:
        app.wait_for_events(name="before.csv")
        drop.upload_blob("folder/with spaces & %41 é.csv", b"2")
        drop.upload_blob("another.txt", b"not the trigger's")
        app.wait_for_events(name="folder/with spaces & %41 é.csv", text="2")
        assert host.end() == 0
    drop.upload_blob("meanwhile.csv", b"3")
    with app.running():
        app.wait_for_events(name="meanwhile.csv")
        drop.upload_blob("after.csv", b"4")
        app.wait_for_events(name="after.csv")
    assert sorted(event["name"] for event in app.events()) == [
        "after.csv",
        "before.csv",
        "folder/with spaces & %41 é.csv",
        "meanwhile.csv",
    ]


def test_an_overwritten_blob_is_delivered_again(app: FunctionApp, drop: ContainerClient) -> None:
    with app.running():
        for text in ("first", "second"):
            drop.upload_blob("a.csv", text.encode(), overwrite=True)
            app.wait_for_events(name="a.csv", text=text)
    assert [event["text"] for event in app.events()] == ["first", "second"]


def test_a_container_may_be_made_after_the_start(app: FunctionApp, azurite: str) -> None:
    with app.running(), BlobServiceClient.from_connection_string(azurite) as account:
        account.create_container("drop").upload_blob("a.csv", b"1")
        app.wait_for_events(name="a.csv")


def test_a_failing_blob_is_tried_five_times_and_then_poison(app: FunctionApp, drop: ContainerClient) -> None:
    etag = drop.upload_blob("bad.csv", b"x").get_blob_properties().etag
    with app.running() as host:
        (event,) = wait_until(lambda: [event for event in app.events() if "poison" in event], "the blob is poison")
        assert "a blob that can't be taken" in host.output
        assert "to webjobs-blobtrigger-poison" in host.output
        drop.upload_blob("good.csv", b"")
        app.wait_for_events(name="good.csv")
    assert len(app.events(name="bad.csv")) == 5
    assert json.loads(event["poison"]) == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.take",
        "BlobType": "BlockBlob",
        "ContainerName": "drop",
        "BlobName": "bad.csv",
        "ETag": etag,
    }
    assert event["dequeue_count"] == 1


def test_an_announcement_of_an_older_version_is_dropped(app: FunctionApp, drop: ContainerClient, azurite: str) -> None:
    older = {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.take",
        "BlobType": "BlockBlob",
        "ContainerName": "drop",
        "BlobName": "a.csv",
        "ETag": '"0x1"',
    }
    drop.upload_blob("a.csv", b"newer")
    with QueueClient.from_connection_string(azurite, "azure-webjobs-blobtrigger-tested") as announcements:
        announcements.create_queue()
        for announcement in (older, {**older, "BlobName": "gone.csv"}):
            announcements.send_message(base64.b64encode(json.dumps(announcement).encode()).decode())
        with app.running():
            app.wait_for_events(name="a.csv")
            wait_until(lambda: not announcements.get_queue_properties().approximate_message_count, "the queue is empty")
    assert [event["name"] for event in app.events()] == ["a.csv"]


def test_no_more_blobs_than_allowed_are_delivered_at_once(app: FunctionApp, drop: ContainerClient) -> None:
    names = [f"{number}.csv" for number in range(7)]
    for name in names:
        drop.upload_blob(name, b"")
    app = FunctionApp(app.folder, {**app.settings, "WORK_SECONDS": "0.2"})
    with app.running():
        app.wait_for_events(len(names))
    assert sorted(event["name"] for event in app.events()) == names
    assert max(event["at_work"] for event in app.events()) == 2


def test_a_delivery_under_way_ends_before_the_host_does(app: FunctionApp, drop: ContainerClient, azurite: str) -> None:
    drop.upload_blob("a.csv", b"")
    app = FunctionApp(app.folder, {**app.settings, "WORK_SECONDS": "1"})
    with app.running() as host:
        app.wait_for_events(name="a.csv")
        assert host.end() == 0
    with QueueClient.from_connection_string(azurite, "azure-webjobs-blobtrigger-tested") as announcements:
        assert announcements.get_queue_properties().approximate_message_count == 0


def test_a_storage_that_is_away_is_waited_for(tmp_path: Path) -> None:
    blob_port, queue_port = services.free_ports(2)
    storage = services.storage_connection_string(blob_port, queue_port)
    app = FunctionApp.make(tmp_path / "app", "blobs", {"DATA": storage, "AzureWebJobsStorage": storage})
    with app.running() as host:
        host.wait_for_output("The container drop can't be reached; retrying")
        assert host.output.count("can't be reached") <= 3
        azurite = (services.azurite_blob(blob_port, tmp_path), services.azurite_queue(queue_port, tmp_path))
        with ServiceProcess(azurite[0], tmp_path), ServiceProcess(azurite[1], tmp_path):
            with BlobServiceClient.from_connection_string(storage) as account:
                account.create_container("drop").upload_blob("a.csv", b"1")
            app.wait_for_events(name="a.csv")
            assert "The container drop can be reached again" in host.output
            assert host.end() == 0


def test_the_hosts_own_calls_leave_no_trace_in_the_apps_telemetry(azurite: str, tmp_path: Path) -> None:
    app = FunctionApp.make(tmp_path / "app", "traced", {"DATA": azurite, "AzureWebJobsStorage": azurite})
    with app.running(), BlobServiceClient.from_connection_string(azurite) as account:
        container = account.create_container("drop")
        for name in ("a", "b"):
            container.upload_blob(name, b"1")
            app.wait_for_events(done=name)
    # The function's own SDK calls, twice, and no listing, receipt or message of the host.
    spans = [event["span"] for event in app.events() if "span" in event]
    assert sorted(spans) == 2 * ["BlobClient.get_blob_properties"] + 2 * ["HEAD"]


def test_a_container_is_listed_page_by_page(drop: ContainerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_PAGE_SIZE", 2)
    names = [f"{number}.csv" for number in range(5)]
    for name in names:
        drop.upload_blob(name, b"")
    found: list[str] = []

    async def scan() -> None:
        stop = asyncio.Event()

        async def announce(version: BlobVersion, _blob_type: str) -> None:
            found.append(version.name)
            if len(found) == len(names):
                stop.set()

        await BlobScan(drop, re.compile(".+"), announce, Storage(), 0.01).run(stop)

    asyncio.run(asyncio.wait_for(scan(), 60))
    assert sorted(found) == names
