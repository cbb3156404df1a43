"""A local cloud seen from outside: files are dropped, records read, and its database looked into."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import sqlalchemy as sa
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.api_client import ApiClient, Json
from local.cloud import started_cloud
from local.csv_upload import UNFINISHED
from local.errors import LocalCloudError
from local.state import RunFile
from proofs.imports.promise import BrokenPromiseError
from shared.database.sqlite import files
from shared.imports.intake import import_id_of

_PAUSE = 0.1  # seconds between two looks
_PAGE = 100
# A machine that is busy with the import is no slow Redis.
_SETTINGS = {"CACHE_TIMEOUT": "2", "CACHE_WRITE_TIMEOUT": "5", "RECONCILE_SCHEDULE": "* * * * * *"}


class Site:
    """A running local cloud, used by its operator."""

    def __init__(self, run: RunFile, api: ApiClient) -> None:
        self.run = run
        self.api = api
        self.database_url = sa.make_url(run.database)
        self._blobs = BlobServiceClient.from_connection_string(run.blob)

    def drop(self, name: str, content: bytes | Path) -> str:
        """Puts a file into the container `imports`, however long that takes; gives its import's id."""
        if isinstance(content, Path):
            with content.open("rb") as file:
                return self._upload(name, file)
        return self._upload(name, content)

    def holds(self, name: str, import_id: str) -> bool:
        """Whether what the storage has under this name is the upload of that import."""
        try:
            properties = self._blobs.get_blob_client("imports", name).get_blob_properties()
        except ResourceNotFoundError:
            return False
        return import_id_of(name, str(properties.etag).strip('"')) == import_id

    def record(self, import_id: str) -> Json | None:
        """An import's record; None where there is none."""
        reply = self.api.send("GET", f"/imports/{import_id}")
        if reply.status_code == 404:
            return None
        if reply.is_error:
            raise LocalCloudError(f"GET /imports/{import_id} was answered {reply.status_code}")
        record: Json = reply.json()
        return record

    def records(self) -> Iterator[Json]:
        """All records, newest first."""
        cursor: str | None = None
        while True:
            page = self.api.call("GET", "/imports", params={"limit": _PAGE, **({"cursor": cursor} if cursor else {})})
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def end_of(self, import_id: str, seconds: float) -> Json:
        """The record of an import that has ended."""
        ended: list[Json] = []

        def has_ended() -> bool:
            record = self.record(import_id)
            if record and record["status"] not in UNFINISHED:
                ended.append(record)
            return bool(ended)

        self.wait_until(has_ended, f"the import {import_id} ends", seconds)
        return ended[0]

    def import_file(self, name: str, content: bytes | Path, seconds: float = 900.0) -> Json:
        """Drops a file and gives its record when it has succeeded."""
        record = self.end_of(self.drop(name, content), seconds)
        if record["status"] != "succeeded":
            raise BrokenPromiseError(f"{name} ended {record['status']}: {record['message']}")
        return record

    def catalog(self) -> sqlite3.Connection:
        """The catalog's file, to read from; close it."""
        return sqlite3.connect(f"{files.catalog_file(self.database_url).as_uri()}?mode=ro", uri=True)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the catalog."""
        with contextlib.closing(self.catalog()) as connection:
            return connection.execute(statement, values).fetchall()

    def leftovers(self) -> list[str]:
        """Working copies and staging files that are there now."""
        copies = [str(blob.name) for blob in self._blobs.get_container_client("imports-work").list_blobs()]
        staging = files.staging_folder(self.database_url)
        return copies + ([file.name for file in staging.iterdir()] if staging.exists() else [])

    def nothing_is_left(self, seconds: float = 60.0) -> None:
        """Waits until no working copy and no staging is left."""
        self.wait_until(lambda: not self.leftovers(), "no working copy and no staging rows are left", seconds)

    def process_of(self, url: str) -> psutil.Process:
        """The process of this cloud that listens on the URL's port, once it does."""
        port = urlsplit(url).port
        found: list[int] = []

        def listens() -> bool:
            found[:] = [
                connection.pid
                for connection in psutil.net_connections("tcp4")
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid
            ]
            return bool(found)

        self.wait_until(listens, f"something listens on port {port}", 60.0)
        return psutil.Process(found[0])

    @property
    def storage_url(self) -> str:
        """Where Azurite's blobs are."""
        return str(self._blobs.url)

    def wait_until(self, condition: Callable[[], bool], promise: str, seconds: float) -> None:
        """Asks until the condition holds; a part that doesn't answer is asked again. Raises BrokenPromiseError."""
        deadline = time.monotonic() + seconds
        answer = ""
        while True:
            try:
                if condition():
                    return
            except (LocalCloudError, AzureError) as error:
                answer = f" ({error})"
            if time.monotonic() > deadline:
                raise BrokenPromiseError(f"In {seconds:.0f} s it didn't come true that {promise}{answer}.")
            time.sleep(_PAUSE)

    def _upload(self, name: str, content: Any) -> str:  # noqa: ANN401 - bytes, or a file to read from
        etag = self._blobs.get_blob_client("imports", name).upload_blob(content, overwrite=True)["etag"]
        return import_id_of(name, etag.strip('"'))


@contextlib.contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A local cloud with an empty catalog in this folder, until the end."""
    state = folder / "state"
    with started_cloud(state, folder / "run.log", _SETTINGS) as run, ApiClient(run, state) as api:
        api.log_in_as_operator()
        yield Site(run, api)
