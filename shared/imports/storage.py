"""The storage account of imports, and its three containers."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from azure.storage.blob import BlobServiceClient, ExponentialRetry

from shared.azure.credential import azure_credential
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

UPLOADS = "imports"

_CONNECT_SECONDS = 5
_READ_SECONDS = 30
# Blobs or names in one reply of the service: bounded work for who lists.
PAGE = 500


class ImportStorage:
    """Clients are made when they are first needed, and serve any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @functools.cached_property
    def account(self) -> BlobServiceClient:
        """The account: by connection string locally, by endpoint and managed identity in Azure."""
        # The SDK's own first wait is 15 s; what takes longer than these two tries is left to the next reconcile.
        retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=2, random_jitter_range=0)
        if self._settings.import_storage:
            return BlobServiceClient.from_connection_string(
                self._settings.import_storage.get_secret_value(),
                retry_policy=retry,
                connection_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
            )
        if not self._settings.import_storage_blob_uri:
            raise ValueError("IMPORT_STORAGE or IMPORT_STORAGE__blobServiceUri: expected one of them, got neither")
        return BlobServiceClient(
            self._settings.import_storage_blob_uri,
            azure_credential(self._settings.azure_client_id),
            retry_policy=retry,
            connection_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
        )

    @functools.cached_property
    def uploads(self) -> ContainerClient:
        """Where files are dropped."""
        return self.account.get_container_client(UPLOADS)

    @functools.cached_property
    def work(self) -> ContainerClient:
        """Each unfinished import's copy of its own."""
        return self.account.get_container_client("imports-work")

    @functools.cached_property
    def rejects(self) -> ContainerClient:
        """Data Factory's logs of the rows that Copy skipped."""
        return self.account.get_container_client("imports-rejects")
