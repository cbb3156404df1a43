"""The local Data Factory as a process, over an Azurite: it runs an import, whose cost is measured.

The measured import begins with the working copy in Azurite and ends with `Succeeded`: Copy and Merge, checks, rejects,
the outcome and the stale tags. The host's part (the event, the record, the server-side copy) isn't included.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import sqlalchemy as sa
from azure.storage.blob import BlobServiceClient

from benchmarks.cache.catalog import add_record
from benchmarks.cache.servers import Server
from benchmarks.imports.cost import Cost
from benchmarks.imports.files import PLACE
from benchmarks.imports.process_tree import PeakMemory, cpu_seconds
from local import services
from shared.catalog.schemas import CSV_COLUMNS
from shared.database import migrate

_CONTAINERS = ("imports-work", "imports-rejects")
_ADDRESS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataFactory/factories/f"
_POLL_SECONDS = 0.1
_UNFINISHED = {"Queued", "InProgress"}


@dataclass(frozen=True, slots=True)
class Storage:
    """An Azurite with the factory's containers; `connection` is its connection string."""

    connection: str

    def put(self, import_id: str, csv_file: Path) -> None:
        """Uploads a file as the working copy of an import."""
        client = BlobServiceClient.from_connection_string(self.connection)
        with client, csv_file.open("rb") as content:
            client.get_blob_client("imports-work", f"{import_id}.csv").upload_blob(content, max_concurrency=2)


@contextlib.contextmanager
def azurite() -> Iterator[Storage]:
    """Storage that only this benchmark uses. Its files are removed at the end."""
    (port,) = services.free_ports(1)
    with folder() as place, Server(services.azurite_blob(port, place)):
        storage = Storage(services.storage_connection_string(port, port))
        with BlobServiceClient.from_connection_string(storage.connection) as client:
            for container in _CONTAINERS:
                client.create_container(container)
        yield storage


def _mapping(kind: str) -> str:
    """The pipeline's parameter `mapping` for a file with all columns."""
    names = ({"name": name, "type": "String"} for name in (*CSV_COLUMNS[kind], "run_id"))
    return json.dumps({"type": "TabularTranslator", "mappings": [{"source": name, "sink": name} for name in names]})


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """An empty folder on the disk of the kept files."""
    PLACE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PLACE) as name:
        yield Path(name)


class Factory:
    """A running factory."""

    def __init__(self, process: Server, url: sa.URL, storage: Storage) -> None:
        self._process = process
        self._url = url
        self._storage = storage

    def received(self, csv_file: Path) -> str:
        """Puts a file where the run of its import expects it, and returns the import_id."""
        import_id = str(uuid.uuid4())
        add_record(self._url, import_id, csv_file)
        self._storage.put(import_id, csv_file)
        return import_id

    def run(self, kind: str, import_id: str) -> Cost:
        """Runs an import; the wall time is that of the run. Raises RuntimeError if it doesn't succeed."""
        with httpx.Client(base_url=f"http://{services.HOST}:{self._process.port}{_ADDRESS}", timeout=60) as client:
            version = {"api-version": "2018-06-01"}
            before = cpu_seconds(self._process.pid)
            begun = client.post(
                f"/pipelines/import_{kind}/createRun",
                params=version,
                json={"import_id": import_id, "mapping": _mapping(kind)},
            ).raise_for_status()
            path = f"/pipelineruns/{begun.json()['runId']}"
            while (run := client.get(path, params=version).raise_for_status().json())["status"] in _UNFINISHED:
                time.sleep(_POLL_SECONDS)  # the pipeline's own timeout ends a run that hangs
        if run["status"] != "Succeeded":
            raise RuntimeError(f"Expected the import to succeed, got {run['status']}: {run['message']}")
        self._check_outcome(import_id)
        seconds = (
            dt.datetime.fromisoformat(run["runEnd"]) - dt.datetime.fromisoformat(run["runStart"])
        ).total_seconds()
        return Cost(seconds, cpu_seconds(self._process.pid) - before)

    def peak_memory(self) -> PeakMemory:
        """Samples the memory of the factory's process and of its merges."""
        return PeakMemory(self._process.pid)

    def _check_outcome(self, import_id: str) -> None:
        with contextlib.closing(sqlite3.connect(str(self._url.database))) as connection:
            (status,) = connection.execute(
                "SELECT status FROM import_outcomes WHERE import_id = ?", [import_id]
            ).fetchone()
        if status != "succeeded":
            raise RuntimeError(f"Expected the import {import_id} to have succeeded, got {status}.")


@contextlib.contextmanager
def factory(catalog: Path, storage: Storage) -> Iterator[Factory]:
    """A factory over a catalog, which is created if it doesn't exist."""
    url = sa.make_url(f"sqlite:///{catalog}")
    migrate.upgrade(url)
    (port,) = services.free_ports(1)
    environment = {"DATABASE_URL": str(url), "IMPORT_STORAGE": storage.connection}
    with Server(services.data_factory(port, catalog.parent / "factory", environment)) as server:
        yield Factory(server, url, storage)
