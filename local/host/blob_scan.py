"""Finds new and changed blobs of a container by listing it again and again."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, ResourceNotFoundError

from local.host.pause import pause
from local.host.receipts import BlobVersion
from local.host.storage import Reach, Storage, list_page

if TYPE_CHECKING:
    import re

    from azure.storage.blob import BlobProperties, ContainerClient

# Announcements made at once.
_CONCURRENCY = 8
# How many versions a scan remembers as announced, so that it needn't look up their receipts at each poll.
_REMEMBERED = 100_000
# A blob may appear in a listing after one with a younger timestamp: an upload's is that of its request's beginning.
_LATE_ARRIVAL = timedelta(minutes=15)

type Announce = Callable[[BlobVersion, str], Awaitable[None]]


class BlobScan:
    """One container, seen through one function's name pattern."""

    def __init__(
        self,
        container: ContainerClient,
        name: re.Pattern[str],
        announce: Announce,
        storage: Storage,
        poll_seconds: float,
    ) -> None:
        """Scans the container.

        Args:
            container: needn't exist yet.
            name: the blob names that count.
            announce: takes each version of a blob, and the blob's type, at least once, after a restart too.
            storage: does the calls.
            poll_seconds: the wait between two listings.
        """
        self._container = container
        self._name = name
        self._announce = announce
        self._storage = storage
        self._poll_seconds = poll_seconds
        self._announced: OrderedDict[tuple[str, str], None] = OrderedDict()
        # The youngest timestamp of the last whole listing: what is much older has been announced.
        self._youngest = datetime(1970, 1, 1, tzinfo=UTC)
        self._reach = Reach(f"The container {container.container_name}")
        self._slots = asyncio.Semaphore(_CONCURRENCY)

    async def run(self, stop: asyncio.Event) -> None:
        """Lists the container until told to stop."""
        while not stop.is_set():
            try:
                with contextlib.suppress(ResourceNotFoundError):  # a container may be made later
                    await self._list(stop)
                self._reach.found()
            except AzureError as error:
                self._reach.lost(error)
            await pause(self._poll_seconds, stop)

    async def _list(self, stop: asyncio.Event) -> None:
        youngest = self._youngest
        marker: str | None = None
        while not stop.is_set():
            blobs, marker = await self._storage.call(list_page, self._container, marker)
            youngest = max([youngest, *(blob.last_modified for blob in blobs)])
            results = await asyncio.gather(
                *(self._take(blob) for blob in blobs if self._is_new(blob)), return_exceptions=True
            )
            for result in results:
                if isinstance(
                    result, BaseException
                ):  # the others of the page are done; these come with the next listing
                    raise result
            if marker is None:
                self._youngest = youngest
                return

    def _is_new(self, blob: BlobProperties) -> bool:
        return (
            blob.last_modified >= self._youngest - _LATE_ARRIVAL
            and (blob.name, blob.etag) not in self._announced
            and self._name.fullmatch(blob.name) is not None
        )

    async def _take(self, blob: BlobProperties) -> None:
        version = BlobVersion(self._container.container_name, blob.name, quoted(blob.etag))
        async with self._slots:
            await self._announce(version, str(blob.blob_type.value))
        self._announced[blob.name, blob.etag] = None
        if len(self._announced) > _REMEMBERED:
            self._announced.popitem(last=False)


def quoted(etag: str) -> str:
    """An ETag as it stands in a header: a listing has it without its quotes."""
    return '"' + etag.strip('"') + '"'
