"""A local cloud, as `make run` starts it: files are dropped into its storage, and its API and database are read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import sqlalchemy as sa
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.api_client import ApiClient, Json
from local.cloud import started_cloud
from local.csv_upload import UNFINISHED
from local.state import RunFile
from shared.imports.intake import import_id_of
from testkit.serving import PATIENT_CACHE
from testkit.waiting import wait_until

ADMINISTRATOR = {"email": "ada@example.org", "password": "correct horse"}
# What a request can meet while a part of the cloud is started again.
RESTARTING: tuple[type[Exception], ...] = (httpx.HTTPError, AzureError)
_EVERY_SECOND = "* * * * * *"
_SETTINGS = {**PATIENT_CACHE, "RECONCILE_SCHEDULE": _EVERY_SECOND, "DRAIN_SCHEDULE": _EVERY_SECOND}
_IMPORT_SECONDS = 90.0
_MAX_PAGE = 100


class LocalCloud:
    """A running local cloud."""

    def __init__(self, run: RunFile, state: Path) -> None:
        self.run = run
        self.state = state
        self.api = httpx.Client(base_url=run.api.removesuffix("/api"), timeout=60)
        self.storage = BlobServiceClient.from_connection_string(run.blob)
        self.database_url = sa.make_url(run.database)

    def log_in_as_administrator(self) -> None:
        """Signs a user up, makes them an administrator with the command line, and uses their token from now on."""
        with ApiClient(self.run, self.state) as client:
            client.become_administrator(**ADMINISTRATOR)
            self.api.headers["Authorization"] = f"Bearer {client.token}"

    def upload(self, name: str, content: bytes | Path) -> str:
        """Puts a file into the container `imports`, and returns the id of its import."""
        blob = self.storage.get_blob_client("imports", name)
        if isinstance(content, Path):
            with content.open("rb") as file:
                etag = blob.upload_blob(file, overwrite=True)["etag"]
        else:
            etag = blob.upload_blob(content, overwrite=True)["etag"]
        return import_id_of(name, etag.strip('"'))

    def import_id(self, name: str) -> str | None:
        """The id of the import of the upload that the storage has under this name; None if it has none."""
        try:
            properties = self.storage.get_blob_client("imports", name).get_blob_properties()
        except ResourceNotFoundError:
            return None
        return import_id_of(name, str(properties.etag).strip('"'))

    def drop(self, name: str, content: bytes | Path, seconds: float = _IMPORT_SECONDS) -> Json:
        """Uploads a file, and returns the record of its import after the import has ended."""
        return self.wait_for_import(self.upload(name, content), seconds)

    def wait_for_import(self, import_id: str | None, seconds: float = _IMPORT_SECONDS) -> Json:
        """The record of an import after the import has ended."""

        def ended_record() -> Json | None:
            ended = (record for record in self.records() if record["status"] not in UNFINISHED)
            return next((record for record in ended if record["import_id"] == import_id), None)

        return wait_until(ended_record, f"the import {import_id} has ended", seconds, transient=RESTARTING)

    def records(self) -> Iterator[Json]:
        """The records of all imports, newest first."""
        return self._items("/api/imports")

    def products(self, **query: str | int) -> Iterator[Json]:
        """All products of a list."""
        return self._items("/api/products", **query)

    def _items(self, path: str, **query: str | int) -> Iterator[Json]:
        """All items of a list, page by page."""
        cursor: str | None = None
        while True:
            page = {**query, "limit": _MAX_PAGE, **({"cursor": cursor} if cursor else {})}
            reply = self.api.get(path, params=page).raise_for_status().json()
            yield from reply["items"]
            cursor = reply["next_cursor"]
            if cursor is None:
                return


@contextlib.contextmanager
def local_cloud(state: Path, **settings: str) -> Iterator[LocalCloud]:
    """Starts a local cloud with an empty catalog on this folder, and ends it."""
    with started_cloud(state, state / "run.log", _SETTINGS | settings) as run:
        cloud = LocalCloud(run, state)
        yield cloud
        cloud.api.close()
