"""What every scenario uses: a local cloud, and a check that raises an error for a broken promise."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from local.api_client import Json
from testkit.local_cloud import LocalCloud, local_cloud


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
