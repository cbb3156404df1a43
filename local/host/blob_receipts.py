"""Blob receipts: which version of a blob has been announced to which function.

Follows BlobReceiptManager.cs (azure-sdk-for-net, Microsoft.Azure.WebJobs.Extensions.Storage.Blobs). A receipt is an
empty blob `azure-webjobs-hosts/blobreceipts/{host}/{function}/{etag}/{container}/{blob}` in the host's account. Its
metadata say whether the announcement is complete. The .NET host leases the receipt, since several hosts may scan; here
only one does (lease.py).
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from local.host.storage import UNTRACED

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobServiceClient

    from local.host.storage import Storage

_CONTAINER = "azure-webjobs-hosts"
_COMPLETED = {"Completed": "True"}
_MAX_BLOB_NAME = 1_024


@dataclass(frozen=True, slots=True)
class BlobVersion:
    """A version of a blob, identified by its ETag."""

    container: str
    name: str
    etag: str


class Receipts:
    """The receipts of one host."""

    def __init__(self, blobs: BlobServiceClient, host_id: str, storage: Storage) -> None:
        """Keeps the receipts in the account of `blobs`, under the host's id."""
        self._container = blobs.get_container_client(_CONTAINER)
        self._host_id = host_id
        self._storage = storage

    async def is_complete(self, function: str, version: BlobVersion) -> bool:
        """Whether this version has been announced to the function."""
        try:
            receipt = await self._storage.call(
                self._receipt(function, version).get_blob_properties, tracing_options=UNTRACED
            )
        except ResourceNotFoundError:
            return False
        return bool(receipt.metadata)

    async def complete(self, function: str, version: BlobVersion) -> None:
        """Records that this version has been announced to the function."""
        upload = self._receipt(function, version).upload_blob
        try:
            await self._storage.call(upload, b"", overwrite=True, metadata=_COMPLETED, tracing_options=UNTRACED)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):
                await self._storage.call(self._container.create_container, tracing_options=UNTRACED)
            await self._storage.call(upload, b"", overwrite=True, metadata=_COMPLETED, tracing_options=UNTRACED)

    def _receipt(self, function: str, version: BlobVersion) -> BlobClient:
        # The name comes last, since it may contain slashes.
        prefix = f"blobreceipts/{self._host_id}/{function}/{version.etag}/{version.container}/"
        name = prefix + version.name
        if len(name) > _MAX_BLOB_NAME:
            name = prefix + hashlib.sha256(version.name.encode()).hexdigest()
        return self._container.get_blob_client(name)
