"""Imports a CSV file over the API: requests an upload URL, uploads the file, and polls the import until it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError
from azure.storage.blob import BlobClient
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from local.errors import LocalCloudError

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from local.api_client import ApiClient, Json

UNFINISHED = {"received", "running"}
COUNTS = ("rows_inserted", "rows_updated", "rows_unchanged", "rows_superseded", "rows_rejected")

_POLL_SECONDS = 0.2
_RECEIPT_SECONDS = 120.0  # time in which an uploaded file has to get an import record


def import_csv(api: ApiClient, file: Path, console: Console) -> Json:
    """Uploads a file and returns the record of its import when it has ended; shows a progress bar for each.

    Raises:
        LocalCloudError: the upload failed, or the file got no import record.
    """
    with Progress(
        TextColumn("  {task.description:<11}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}"),
        console=console,
    ) as progress:
        blob_name = _upload(api, file, progress)
        return _follow(api, blob_name, progress)


def outcome(record: Json) -> str:
    """The result of an import as text: status, row counts, message."""
    counts = ", ".join(f"{record[name]:,} {name.removeprefix('rows_')}" for name in COUNTS if record[name])
    read = "" if record["rows_read"] is None else f"{record['rows_read']:,} rows read: {counts or 'none'}"
    return ". ".join(filter(None, [record["status"], read, record["message"]]))


def _upload(api: ApiClient, file: Path, progress: Progress) -> str:
    """Uploads the file and returns the blob's name."""
    size = file.stat().st_size
    task = progress.add_task("upload", total=max(size, 1), detail=f"{size / 1e6:,.1f} MB")
    place = api.call("POST", "/imports/upload", json={"file_name": file.name})
    try:
        with BlobClient.from_blob_url(place["upload_url"]) as blob, file.open("rb") as content:
            blob.upload_blob(
                content,
                length=size,
                overwrite=True,
                progress_hook=lambda sent, _total: progress.update(task, completed=sent),
            )
    except AzureError as error:
        raise LocalCloudError(f"{file} couldn't be uploaded: {error}") from error
    progress.update(task, completed=max(size, 1))
    blob_name: str = place["blob_name"]
    return blob_name


def _follow(api: ApiClient, blob_name: str, progress: Progress) -> Json:
    task = progress.add_task("import", total=1.0, detail="waiting for the blob trigger")
    record = _first_record(api, blob_name)
    while record["status"] in UNFINISHED:
        progress.update(task, completed=record["progress"], detail=_detail(record))
        time.sleep(_POLL_SECONDS)  # without a deadline: how long an import takes depends on its file
        record = api.call("GET", f"/imports/{record['import_id']}")
    progress.update(task, completed=record["progress"], detail=_detail(record))
    return record


def _first_record(api: ApiClient, blob_name: str) -> Json:
    deadline = time.monotonic() + _RECEIPT_SECONDS
    while time.monotonic() < deadline:
        records: list[Json] = api.call("GET", "/imports", params={"limit": 100})["items"]
        for record in records:
            if record["blob_name"] == blob_name:
                return record
        time.sleep(_POLL_SECONDS)
    raise LocalCloudError(f"{blob_name} was uploaded, but its import didn't start within {_RECEIPT_SECONDS:.0f} s.")


def _detail(record: Json) -> str:
    parts = [record["status"]]
    if record["rows_read"]:
        parts.append(f"{record['rows_read']:,} rows")
    if record["rows_per_second"]:
        parts.append(f"{record['rows_per_second']:,.0f} rows/s")
    if record["seconds_left"]:
        parts.append(f"{record['seconds_left']:.0f} s left")
    return ", ".join(parts)
