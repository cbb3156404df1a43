"""Blob triggers: a new or changed blob becomes an invocation.

As azure-sdk-for-net's Microsoft.Azure.WebJobs.Extensions.Storage.Blobs:

- The container is listed page by page (ScanBlobScanLogHybridPollingStrategy.cs; every 10 s there, every second here).
- A version of a blob that has no receipt is announced by a message on the queue `azure-webjobs-blobtrigger-{host}`,
  then its receipt is written (BlobTriggerExecutor.cs): a host that dies in between announces it again, so a delivery
  comes at least once.
- The message is read like a queue trigger's; where the blob is gone or has changed since, it is dropped: the newer
  version has a message of its own (BlobQueueTriggerExecutor.cs). After `poisonBlobThreshold` tries it goes, as it is,
  to `webjobs-blobtrigger-poison` of the blob's account (SharedBlobQueueListenerFactory.cs).
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from local.host.blob_scan import BlobScan, quoted
from local.host.errors import HostError
from local.host.protos import ModelBindingData
from local.host.queue_reader import QueueReader, Reading, UnreadableMessageError, decode, encode, put
from local.host.receipts import BlobVersion, Receipts
from local.host.storage import UNTRACED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueClient, QueueMessage

    from local.host.app_settings import HostSettings
    from local.host.functions import BlobTrigger, Function
    from local.host.storage import Storage
    from local.host.telemetry import TracedWorker

log = logging.getLogger(__name__)

HOST_CONNECTION = "AzureWebJobsStorage"
POISON_QUEUE = "webjobs-blobtrigger-poison"

_MOST_PER_REQUEST = 32
_PARAMETER = re.compile(r"\\\{\w+\\\}")


@dataclass(frozen=True, slots=True)
class _Watched:
    """A function and what its trigger watches."""

    function: Function[BlobTrigger]
    blobs: BlobServiceClient
    poison: QueueClient
    container: str
    name: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Announcement:
    """The message of one version of a blob for one function (BlobTriggerMessage.cs)."""

    function: str
    blob_type: str
    version: BlobVersion

    def to_json(self) -> bytes:
        return json.dumps(
            {
                "Type": "BlobTrigger",
                "FunctionId": self.function,
                "BlobType": self.blob_type,
                "ContainerName": self.version.container,
                "BlobName": self.version.name,
                "ETag": self.version.etag,
            }
        ).encode()

    @classmethod
    def from_json(cls, body: bytes) -> _Announcement:
        try:
            fields = json.loads(body)
            version = BlobVersion(fields["ContainerName"], fields["BlobName"], fields["ETag"])
            return cls(fields["FunctionId"], fields["BlobType"], version)
        except (ValueError, TypeError, KeyError) as error:
            raise UnreadableMessageError("it is no announcement of a blob") from error


class BlobTriggers:
    """All blob triggers of an app: a scan each, and one queue of announcements."""

    def __init__(
        self,
        functions: Sequence[Function[BlobTrigger]],
        worker: TracedWorker,
        storage: Storage,
        settings: HostSettings,
        poll_seconds: float,
    ) -> None:
        """Prepares the triggers.

        Raises:
            HostError: a connection is missing; AzureWebJobsStorage, which holds receipts and announcements, among them.
        """
        self._worker = worker
        self._storage = storage
        self._base64 = settings.queues.base64
        self._poll_seconds = poll_seconds
        self._watched = {function.host_id: _watch(function, storage) for function in functions}
        host_id = settings.host_id
        self._receipts = Receipts(storage.blobs(HOST_CONNECTION, "blob triggers"), host_id, storage)
        queues = storage.queues(HOST_CONNECTION, "blob triggers")
        self._announcements = queues.get_queue_client(f"azure-webjobs-blobtrigger-{host_id}")
        concurrency = settings.blobs.max_degree_of_parallelism
        reading = Reading(
            concurrency=concurrency,
            batch_size=min(concurrency, _MOST_PER_REQUEST),
            max_dequeue_count=settings.blobs.poison_blob_threshold,
            retry_seconds=settings.queues.visibility_timeout,
            poll_seconds=poll_seconds,
        )
        self._reader = QueueReader(self._announcements, self._poison_queue, self._deliver, reading, storage)

    async def run(self, stop: asyncio.Event) -> None:
        """Scans and delivers until told to stop."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reader.run(stop))
            for watched in self._watched.values():
                tasks.create_task(self._scan(watched).run(stop))

    def _scan(self, watched: _Watched) -> BlobScan:
        function = watched.function.host_id

        async def announce(version: BlobVersion, blob_type: str) -> None:
            if await self._receipts.is_complete(function, version):
                return
            content = encode(_Announcement(function, blob_type, version).to_json(), in_base64=self._base64)
            await self._storage.call(put, self._announcements, content)
            await self._receipts.complete(function, version)
            self._reader.notify()

        container = watched.blobs.get_container_client(watched.container)
        return BlobScan(container, watched.name, announce, self._storage, self._poll_seconds)

    async def _deliver(self, message: QueueMessage) -> None:
        announcement = _Announcement.from_json(decode(message, in_base64=self._base64))
        version = announcement.version
        watched = self._watched.get(announcement.function)
        if watched is None:
            log.warning("%s is for %s, which the app no longer has", version.name, announcement.function)
            return
        if await self._current_etag(watched, version) != quoted(version.etag):
            log.info("%s has changed or gone since it was announced", version.name)
            return
        content = {
            "Connection": watched.function.trigger.connection,
            "ContainerName": version.container,
            "BlobName": version.name,
        }
        reference = ModelBindingData(
            version="1.0",
            source="AzureStorageBlobs",
            content_type="application/json",
            content=json.dumps(content).encode(),
        )
        await self._worker.invoke_with_reference(watched.function, reference)

    async def _current_etag(self, watched: _Watched, version: BlobVersion) -> str | None:
        blob = watched.blobs.get_blob_client(version.container, version.name)
        try:
            properties = await self._storage.call(blob.get_blob_properties, tracing_options=UNTRACED)
        except ResourceNotFoundError:
            return None
        return quoted(properties.etag)

    def _poison_queue(self, message: QueueMessage) -> QueueClient | None:
        try:
            function = _Announcement.from_json(decode(message, in_base64=self._base64)).function
        except UnreadableMessageError:
            return None
        watched = self._watched.get(function)
        return watched.poison if watched else None


def _watch(function: Function[BlobTrigger], storage: Storage) -> _Watched:
    used_by = f"the function {function.name}"
    container, _, name = function.trigger.path.partition("/")
    if "{" in container or not name:
        raise HostError(f"The path of {used_by}, {function.trigger.path}, isn't of the form container/{{name}}.")
    connection = function.trigger.connection
    return _Watched(
        function=function,
        blobs=storage.blobs(connection, used_by),
        poison=storage.queues(connection, used_by).get_queue_client(POISON_QUEUE),
        container=container,
        name=re.compile(_PARAMETER.sub(".+", re.escape(name)), re.DOTALL),
    )
