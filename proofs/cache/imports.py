"""Imports during the race: a file dropped into Storage, its event, the run of the local Data Factory, the record's end.

Each import writes all of its products, and moves them to the other of its two categories. So a page shows either all
of them or none, and all of them as one import left them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from local import services
from local.csv_upload import UNFINISHED
from proofs.cache.load import IMPORTED, Load
from proofs.cache.write_history import Product
from shared.imports.intake import import_id_of
from shared.services import Services
from shared.settings import Settings
from testkit.csv_files import PRODUCTS
from testkit.processes import ServiceProcess

_ASINS = [f"IMPORTED{number:02}" for number in range(1, 9)]
_PAUSE_SECONDS = 1.5
_CONTAINERS = ("imports", "imports-work", "imports-rejects")


@contextlib.contextmanager
def storage(folder: Path) -> Iterator[str]:
    """Blob Storage for one scenario; yields its connection string."""
    blob_port, queue_port = services.free_ports(2)
    with ServiceProcess(services.azurite_blob(blob_port, folder / "blob"), folder):
        yield services.storage_connection_string(blob_port, queue_port)


@contextlib.contextmanager
def factory(folder: Path, environment: Mapping[str, str], storage_connection: str) -> Iterator[Mapping[str, str]]:
    """A Data Factory over the instances' catalog; yields the settings that an application needs for it."""
    (port,) = services.free_ports(1)
    own = {"DATABASE_URL": environment["DATABASE_URL"], "IMPORT_STORAGE": storage_connection}
    with ServiceProcess(services.data_factory(port, folder / "factory", {**os.environ, **own}), folder):
        yield {"IMPORT_STORAGE": storage_connection, "DATA_FACTORY_ENDPOINT": f"http://{services.HOST}:{port}"}


async def keep_importing(load: Load, environment: Mapping[str, str]) -> None:
    """Runs one import after the other. This process is the instance that receives their events."""
    async with _app(environment) as app:
        blobs = BlobServiceClient.from_connection_string(environment["IMPORT_STORAGE"])
        for container in _CONTAINERS:
            await asyncio.to_thread(blobs.create_container, container)
        succeeded = 0
        for number in itertools.count(1):
            if not load.is_active():
                break
            category_id = IMPORTED[number % 2]
            rows = (f"{asin},Imported,,,,{number},,,{category_id},False,0" for asin in _ASINS)
            content = "\n".join([PRODUCTS, *rows, ""]).encode()
            blob = blobs.get_blob_client("imports", f"race-{number}.csv")
            # From here on a read may show the merge.
            write = load.history.begin(dict.fromkeys(_ASINS, Product(category_id, number)))
            put = await asyncio.to_thread(blob.upload_blob, content)
            await app.imports.receive(blob)
            status = await _final_status(app, import_id_of(blob.blob_name, put["etag"].strip('"')))
            if status == "succeeded":
                load.history.acknowledge(write)
                succeeded += 1
            else:
                load.history.discard(write)
                load.outcome.failed.append(f"import {number}: {status}")
            await asyncio.sleep(_PAUSE_SECONDS)
        load.outcome.facts["imports"] = str(succeeded)


async def _final_status(app: Services, import_id: str) -> str:
    while True:
        record = await app.imports.get(import_id)  # takes the import's next steps, as GET /imports/{id} does
        if record.status not in UNFINISHED:
            return record.status
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def _app(environment: Mapping[str, str]) -> AsyncIterator[Services]:
    values = {name.lower(): value for name, value in environment.items() if not name.startswith("PROOF_")}
    app = Services(Settings(**values))  # type: ignore[arg-type]  # texts, as in the environment
    try:
        yield app
    finally:
        await app.close()
