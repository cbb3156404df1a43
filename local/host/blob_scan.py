"""Polls a container for new and changed blobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, ResourceNotFoundError

from local.host.blob_receipts import BlobVersion
from local.host.storage import OutageLog, Storage, list_page
from local.host.waiting import wait_for_any

if TYPE_CHECKING:
    import re

    from azure.storage.blob import BlobProperties, ContainerClient

# Concurrent announcements.
_CONCURRENCY = 8
# How many announced versions a scan remembers, so that it doesn't read their receipts at each poll.
_REMEMBERED = 100_000
# A blob's timestamp is the time at which its upload began: it may appear in a listing after newer ones.
_LATE_ARRIVAL = timedelta(minutes=15)

type Announce = Callable[[BlobVersion, str], Awaitable[None]]


class BlobScan:
    """Polls one container for one function's name pattern."""

    def __init__(
        self,
        container: ContainerClient,
        name: re.Pattern[str],
        announce: Announce,
        storage: Storage,
        poll_seconds: float,
    ) -> None:
        """Prepares the scan.

        Args:
            container: the container; it may be created later.
            name: matches the names of the blobs to announce.
            announce: called with each version of a blob and the blob's type, at least once, and again after a restart.
            storage: makes the calls.
            poll_seconds: the wait between two listings.
        """
        self._container = container
        self._name = name
        self._announce = announce
        self._storage = storage
        self._poll_seconds = poll_seconds
        self._announced: OrderedDict[tuple[str, str], None] = OrderedDict()
        # The newest timestamp of the last complete listing: much older versions have been announced.
        self._newest = datetime(1970, 1, 1, tzinfo=UTC)
        self._outages = OutageLog(f"The container {container.container_name}")
        self._slots = asyncio.Semaphore(_CONCURRENCY)

    async def run(self, stop: asyncio.Event) -> None:
        """Polls the container until `stop` is set."""
        while not stop.is_set():
            try:
                with contextlib.suppress(ResourceNotFoundError):  # the container may be created later
                    await self._list(stop)
                self._outages.call_succeeded()
            except AzureError as error:
                self._outages.call_failed(error)
            await wait_for_any(stop, timeout=self._poll_seconds)

    async def _list(self, stop: asyncio.Event) -> None:
        newest = self._newest
        marker: str | None = None
        while not stop.is_set():
            blobs, marker = await self._storage.call(list_page, self._container, marker)
            newest = max([newest, *(blob.last_modified for blob in blobs)])
            results = await asyncio.gather(
                *(self._take(blob) for blob in blobs if self._is_new(blob)), return_exceptions=True
            )
            for result in results:
                if isinstance(result, BaseException):  # the next listing has the failed ones again
                    raise result
            if marker is None:
                self._newest = newest
                return

    def _is_new(self, blob: BlobProperties) -> bool:
        return (
            blob.last_modified >= self._newest - _LATE_ARRIVAL
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
    """An ETag with quotes, as in a header: listings have it without."""
    return '"' + etag.strip('"') + '"'
