"""What every scenario uses: a local cloud, and a check that raises an error for a broken promise."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from local.api_client import Json
from local.datafactory.stores.sqlite import staging_files
from shared.database.sqlite import files
from testkit.local_cloud import RESTARTING, LocalCloud, local_cloud
from testkit.processes import listening_process
from testkit.waiting import wait_until


class BrokenPromiseError(Exception):
    """The message says what was promised and what came."""


def check(condition: object, message: str) -> None:
    """Raises BrokenPromiseError with this message if the condition is false."""
    if not condition:
        raise BrokenPromiseError(message)


@contextlib.contextmanager
def administered_cloud(folder: Path) -> Iterator[LocalCloud]:
    """A local cloud with an empty catalog in this folder, used by an administrator."""
    with local_cloud(folder / "state") as cloud:
        cloud.log_in_as_administrator()
        yield cloud


def import_file(cloud: LocalCloud, name: str, file: Path, seconds: float = 900.0) -> Json:
    """Drops a file, and returns the record of its import, which must succeed."""
    record = cloud.drop(name, file, seconds)
    check(record["status"] == "succeeded", f"{name} ended {record['status']}: {record['message']}")
    return record


def query(cloud: LocalCloud, statement: str) -> list[tuple[Any, ...]]:
    """Rows of the catalog's file."""
    file = files.catalog_file(cloud.database_url)
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


def wait_until_nothing_is_left(cloud: LocalCloud) -> None:
    """Waits until the storage has no working copy, and there is no staging file."""
    copies = cloud.storage.get_container_client("imports-work")
    staging = staging_files.staging_folder(cloud.database_url)
    wait_until(
        lambda: not any(copies.list_blobs()) and not any(staging.glob("*")),
        "no working copy and no staging file is left",
        transient=RESTARTING,
    )


def process_of(url: str) -> psutil.Process:
    """The process that listens on this URL's port. Waits until there is one."""
    port = int(urlsplit(url).port or 0)
    return wait_until(lambda: listening_process(port), f"a process listens on port {port}")
