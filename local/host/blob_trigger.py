"""Blob triggers: invoke a function for each new or changed blob, at least once.

Follows azure-sdk-for-net's Microsoft.Azure.WebJobs.Extensions.Storage.Blobs:

- Lists the container page by page (ScanBlobScanLogHybridPollingStrategy.cs: every 10 s; here every second).
- Announces a version of a blob without a receipt by a message on the queue `azure-webjobs-blobtrigger-{host}`, then
  writes the receipt (BlobTriggerExecutor.cs). A host that ends in between announces the version again.
- Reads the messages as a queue trigger does. Drops a message if the blob was deleted or changed since: the newer
  version has its own message (BlobQueueTriggerExecutor.cs).
- Moves a message unchanged to `webjobs-blobtrigger-poison` in the blob's account after `poisonBlobThreshold` attempts
  (SharedBlobQueueListenerFactory.cs).
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from local.host.blob_receipts import BlobVersion, Receipts
from local.host.blob_scan import BlobScan, quoted
from local.host.errors import HostError
from local.host.protos import ModelBindingData
from local.host.queue_reader import QueueReader, ReaderOptions, UnreadableMessageError, decode, encode, put
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

# The service's limit of messages in a request.
_MAX_BATCH_SIZE = 32
_PARAMETER = re.compile(r"\\\{\w+\\\}")


@dataclass(frozen=True, slots=True)
class _Watched:
    """A function and the blobs that its trigger watches."""

    function: Function[BlobTrigger]
    blobs: BlobServiceClient
    poison: QueueClient
    container: str
    name: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _BlobTriggerMessage:
    """Announces a version of a blob to a function (BlobTriggerMessage.cs)."""

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
    def from_json(cls, body: bytes) -> _BlobTriggerMessage:
        try:
            fields = json.loads(body)
            version = BlobVersion(fields["ContainerName"], fields["BlobName"], fields["ETag"])
            return cls(fields["FunctionId"], fields["BlobType"], version)
        except (ValueError, TypeError, KeyError) as error:
            raise UnreadableMessageError("it is not a blob trigger message") from error


class BlobTriggers:
    """All blob triggers of an app: a scan for each, and one queue for their messages."""

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
            HostError: the connection of a trigger, or AzureWebJobsStorage for receipts and messages, is missing.
        """
        self._worker = worker
        self._storage = storage
        self._base64 = settings.queues.base64
        self._poll_seconds = poll_seconds
        self._watched = {function.descriptor_id: _watch(function, storage) for function in functions}
        host_id = settings.host_id
        self._receipts = Receipts(storage.blobs(HOST_CONNECTION, "blob triggers"), host_id, storage)
        queues = storage.queues(HOST_CONNECTION, "blob triggers")
        self._queue = queues.get_queue_client(f"azure-webjobs-blobtrigger-{host_id}")
        concurrency = settings.blobs.max_degree_of_parallelism
        options = ReaderOptions(
            concurrency=concurrency,
            batch_size=min(concurrency, _MAX_BATCH_SIZE),
            max_attempts=settings.blobs.poison_blob_threshold,
            retry_seconds=settings.queues.visibility_timeout,
            poll_seconds=poll_seconds,
        )
        self._reader = QueueReader(self._queue, self._poison_queue, self._deliver, options, storage)

    async def run(self, stop: asyncio.Event) -> None:
        """Scans the containers and delivers messages until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reader.run(stop))
            for watched in self._watched.values():
                tasks.create_task(self._scan(watched).run(stop))

    def _scan(self, watched: _Watched) -> BlobScan:
        function = watched.function.descriptor_id

        async def announce(version: BlobVersion, blob_type: str) -> None:
            if await self._receipts.is_complete(function, version):
                return
            content = encode(_BlobTriggerMessage(function, blob_type, version).to_json(), in_base64=self._base64)
            await self._storage.call(put, self._queue, content)
            await self._receipts.complete(function, version)
            self._reader.notify()

        container = watched.blobs.get_container_client(watched.container)
        return BlobScan(container, watched.name, announce, self._storage, self._poll_seconds)

    async def _deliver(self, message: QueueMessage) -> None:
        announced = _BlobTriggerMessage.from_json(decode(message, in_base64=self._base64))
        version = announced.version
        watched = self._watched.get(announced.function)
        if watched is None:
            log.warning("Dropping %s: the app no longer has its function %s", version.name, announced.function)
            return
        if await self._current_etag(watched, version) != quoted(version.etag):
            log.info("Dropping %s: it was changed or deleted after it was announced", version.name)
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
            function = _BlobTriggerMessage.from_json(decode(message, in_base64=self._base64)).function
        except UnreadableMessageError:
            return None
        watched = self._watched.get(function)
        return watched.poison if watched else None


def _watch(function: Function[BlobTrigger], storage: Storage) -> _Watched:
    used_by = f"the function {function.name}"
    container, _, name = function.trigger.path.partition("/")
    if "{" in container or not name:
        raise HostError(f"The path of {used_by}: expected container/{{name}}, got {function.trigger.path}.")
    connection = function.trigger.connection
    return _Watched(
        function=function,
        blobs=storage.blobs(connection, used_by),
        poison=storage.queues(connection, used_by).get_queue_client(POISON_QUEUE),
        container=container,
        name=re.compile(_PARAMETER.sub(".+", re.escape(name)), re.DOTALL),
    )
