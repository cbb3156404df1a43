"""Imports for tests: Azurite, the local Data Factory and the app's services.

Tests deliver the events of blobs and run the timer themselves.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from azure.storage.blob import BlobServiceClient

from local import PROJECT
from local.datafactory.definitions import Definitions
from local.datafactory.factory import Factory
from local.datafactory.run_records import RunRecords
from local.datafactory.server import create_app
from local.datafactory.stores import Stores
from local.datafactory.stores.blobs import BlobStore
from local.datafactory.stores.sqlite import staging_files
from shared.catalog.tables import products as products_table
from shared.imports.intake import import_id_of
from shared.imports.tables import categories_staging, import_outcomes, import_records, products_staging
from shared.services import Services
from shared.settings import Settings
from testkit import databases
from testkit.serving import served
from tests.imports.rows import Rows

# Babelfish merges a few hundred rows per second.
# 150 imports take 40 s, and 70 s on a busy machine.
DEADLINE_SECONDS = 600.0 if databases.SERVER else 110.0
_RUN_ENDS_SECONDS = 10.0


@contextmanager
def local_factory(settings: Settings, state: Path) -> Iterator[str]:
    """The local Data Factory over the settings' database and storage, in this process; yields its address."""
    assert settings.import_storage
    stores = Stores(
        databases.factory_store(sa.make_url(settings.database_url.get_secret_value())),
        BlobStore(settings.import_storage.get_secret_value()),
    )
    factory = Factory(Definitions(PROJECT / "datafactory"), RunRecords(state / "runs.db"), stores, 0.0)
    factory.start()
    try:
        with served(create_app(factory)) as client:
            yield str(client.base_url).rstrip("/")
    finally:
        factory.close()


@dataclass(frozen=True)
class Blob:
    """An uploaded blob, its event and its import."""

    name: str
    etag: str

    @property
    def import_id(self) -> str:
        return import_id_of(self.name, self.etag)

    @property
    def message(self) -> str:
        """The host's message on the poison queue."""
        return (
            f'{{"Type":"BlobTrigger","FunctionId":"Host.Functions.start_import","BlobType":"BlockBlob",'
            f'"ContainerName":"imports","BlobName":"{self.name}","ETag":"\\"{self.etag}\\""}}'
        )


class Cloud:
    """The storage account and the database of a test."""

    def __init__(self, settings: Settings) -> None:
        assert settings.import_storage
        self.settings = settings
        self.url = sa.make_url(settings.database_url.get_secret_value())
        self.rows = Rows(self.url)
        self.storage = BlobServiceClient.from_connection_string(settings.import_storage.get_secret_value())
        for container in ("imports", "imports-work", "imports-rejects"):
            self.storage.create_container(container)

    def put(self, name: str, content: bytes) -> Blob:
        """Uploads a file. Its event isn't delivered."""
        etag = self.storage.get_blob_client("imports", name).upload_blob(content, overwrite=True)["etag"]
        return Blob(name, etag.strip('"'))

    def delete(self, name: str) -> None:
        """Deletes an upload."""
        self.storage.get_blob_client("imports", name).delete_blob()

    def blobs(self, container: str) -> list[str]:
        """The names in a container."""
        return [blob.name for blob in self.storage.get_container_client(container).list_blobs()]

    def record(self, import_id: str) -> dict[str, Any]:
        """A record's row."""
        (record,) = self.rows.read(sa.select(import_records).where(import_records.c.import_id == import_id))
        return record

    def records(self) -> list[dict[str, Any]]:
        """All records' rows."""
        return self.rows.read(sa.select(import_records).order_by(import_records.c.sequence))

    def outcomes(self) -> list[dict[str, Any]]:
        """All outcomes."""
        return self.rows.read(sa.select(import_outcomes).order_by(import_outcomes.c.merged_at))

    def products(self) -> int:
        """How many products there are."""
        (row,) = self.rows.read(sa.select(sa.func.count().label("count")).select_from(products_table))
        return int(row["count"])

    def age(self, import_id: str, past: dt.timedelta) -> None:
        """Moves the start of the import's run back by `past`."""
        started_at = self.record(import_id)["started_at"]
        if started_at:
            statement = sa.update(import_records).where(import_records.c.import_id == import_id)
            self.rows.change(statement.values(started_at=started_at - past))

    def left(self) -> Mapping[str, list[str]]:
        """The working copies and the staging rows that exist now."""
        left = {"imports-work": self.blobs("imports-work"), "staging": self._staged()}
        return {place: names for place, names in left.items() if names}

    def _staged(self) -> list[str]:
        """On SQLite the staging files, on a server the runs that have staging rows."""
        if self.url.get_backend_name() == "sqlite":
            folder = staging_files.staging_folder(self.url)
            return [file.name for file in folder.iterdir()] if folder.exists() else []
        tables = (products_staging, categories_staging)
        return [row["run_id"] for table in tables for row in self.rows.read(sa.select(table.c.run_id).distinct())]


class App:
    """One process of the app: its services on an event loop of their own."""

    def __init__(self, settings: Settings) -> None:
        self.services = Services(settings)
        self._runner = asyncio.Runner()

    def run[T](self, work: Awaitable[T]) -> T:
        """Runs a coroutine of the app and returns its result."""

        async def awaited() -> T:
            return await work

        return self._runner.run(awaited())

    def close(self) -> None:
        """Ends the process."""
        self.run(self.services.close())
        self._runner.close()

    def receive(self, cloud: Cloud, *names: str) -> None:
        """Delivers the events of these blobs concurrently."""

        async def receive() -> None:
            clients = [cloud.storage.get_blob_client("imports", name) for name in names]
            await asyncio.gather(*(self.services.imports.receive(client) for client in clients))

        self.run(receive())

    def upload(self, cloud: Cloud, name: str, content: bytes) -> Blob:
        """Uploads a file and delivers its event."""
        blob = cloud.put(name, content)
        self.receive(cloud, name)
        return blob

    def import_file(self, cloud: Cloud, name: str, content: bytes) -> tuple[Blob, dict[str, Any]]:
        """Uploads a file and returns it with the record of its finished import."""
        blob = self.upload(cloud, name, content)
        (record,) = self.end(cloud, blob)
        return blob, record

    def reconcile(self) -> None:
        """One run of the timer."""
        self.run(self.services.reconciliation.run())

    def reconcile_until(self, holds: Callable[[], bool], promise: str) -> None:
        """Runs the timer until the condition holds."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Expected within {DEADLINE_SECONDS} s: {promise}.")
            self.reconcile()

    def leftovers(self, cloud: Cloud) -> Mapping[str, list[str]]:
        """What the imports have left behind.

        The staging of a run is deleted when the run ends, shortly after its merge has committed. On a server the timer
        deletes the rows of runs that ended without their merge.
        """
        deadline = time.monotonic() + _RUN_ENDS_SECONDS
        while (left := cloud.left()) and time.monotonic() < deadline:
            self.run(self.services.reconciliation.cleanup.delete_leftover_rows())
            time.sleep(0.02)  # between two polls, until the deadline
        return left

    def end_after(self, cloud: Cloud, *blobs: Blob) -> list[dict[str, Any]]:
        """As `end`, for blobs whose events are not delivered."""
        known = {blob.import_id for blob in blobs}
        self.reconcile_until(
            lambda: known <= {record["import_id"] for record in cloud.records()}, "each blob has its import"
        )
        return self.end(cloud, *blobs)

    def end(self, cloud: Cloud, *blobs: Blob) -> list[dict[str, Any]]:
        """Runs the timer until these imports are finished, and returns their records."""

        def records() -> list[dict[str, Any]]:
            return [cloud.record(blob.import_id) for blob in blobs]

        ended = {"succeeded", "failed", "cancelled", "rejected"}
        self.reconcile_until(lambda: all(record["status"] in ended for record in records()), "the imports have ended")
        return records()


def runs(settings: Settings) -> list[dict[str, Any]]:
    """All pipeline runs of Data Factory."""
    window = {"lastUpdatedAfter": "2000-01-01T00:00:00Z", "lastUpdatedBefore": "2100-01-01T00:00:00Z"}
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataFactory/factories/f/queryPipelineRuns"
    url = f"{settings.data_factory_endpoint}{path}?api-version=2018-06-01"
    found: list[dict[str, Any]] = httpx.post(url, json=window).json()["value"]
    return found


def problem_of(reply: httpx.Response, status: int) -> str:
    """The detail of a reply that must be a problem with this status."""
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    return str(reply.json()["detail"])
