"""Blobs as streams of bytes, read ahead of their consumer."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from typing import IO

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.datafactory.failures import ActivityFailedError

# One block waits, one is parsed, one arrives: about 12 MiB at a time, whatever the size of the blob.
_BLOCK_BYTES = 4 * 1024 * 1024


class BlobStore:
    """The storage account of a connection string."""

    def __init__(self, connection_string: str) -> None:
        self._service = BlobServiceClient.from_connection_string(
            connection_string, max_single_get_size=_BLOCK_BYTES, max_chunk_get_size=_BLOCK_BYTES
        )

    def read(self, container: str, name: str) -> Iterator[bytes]:
        """The blob's bytes in blocks, all of one version. Raises ActivityFailedError."""
        try:
            # The SDK requests each further block on condition that the ETag is still that of the first one.
            yield from self._service.get_blob_client(container, name).download_blob().chunks()
        except ResourceNotFoundError as error:
            raise ActivityFailedError(
                "UserErrorSourceBlobNotExist",
                f"The required Blob is missing. ContainerName: {container}, path: {name}.",
            ) from error
        except AzureError as error:
            raise ActivityFailedError(
                "AzureStorageOperationFailed", f"Azure Blob Storage operation failed: {error}", "SystemError"
            ) from error

    def write(self, container: str, name: str, content: IO[bytes]) -> None:
        """Writes a whole blob and creates a missing container. Raises ActivityFailedError."""
        try:
            client = self._service.get_container_client(container)
            with contextlib.suppress(ResourceExistsError):
                client.create_container()
            client.upload_blob(name, content, overwrite=True)
        except AzureError as error:
            raise ActivityFailedError(
                "AzureStorageOperationFailed", f"Azure Blob Storage operation failed: {error}", "SystemError"
            ) from error


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead[T](items: Iterator[T], depth: int = 1) -> Generator[T]:
    """Yields the items, which a second thread takes while the consumer works.

    At most `depth` items wait. An error of `items` is raised here. The thread ends with the generator.
    """
    waiting: queue.Queue[T | _End] = queue.Queue(depth)
    left = threading.Event()

    def put(item: T | _End) -> bool:
        while not left.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def take() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_End(None))
        except BaseException as error:  # noqa: BLE001  # raised again in the consumer's thread
            put(_End(error))

    thread = threading.Thread(target=take, name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error:
            raise item.error
    finally:
        left.set()
        thread.join()
