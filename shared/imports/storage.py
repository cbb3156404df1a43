"""The storage account of imports: uploads, the imports' working copies, and Data Factory's logs of skipped rows.

All calls block. An upload is overwritten under its name, so its versions are told apart by their ETag.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, ExponentialRetry, generate_blob_sas

from shared.azure.credential import azure_credential
from shared.imports.header import HEAD_BYTES
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

type CopyState = Literal["pending", "success", "failed"]

UPLOADS = "imports"

_CONNECT_SECONDS = 5
_READ_SECONDS = 30
# Blobs on a page of a listing.
_PAGE = 500
_WORKING_COPY_SUFFIX = ".csv"
# The service's clock may be behind this one.
_CLOCK_SKEW = dt.timedelta(minutes=5)
_CONFLICT = 409
# The upload is gone; a copy exists or is being made; a condition on an ETag isn't met.
_COPY_REFUSED = frozenset({404, _CONFLICT, 412})


@dataclass(frozen=True, slots=True)
class UploadedBlob:
    """A version of an upload; the ETag is without quotes."""

    name: str
    etag: str
    size: int
    uploaded_at: dt.datetime


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """A working copy; `copy_id` is the service's id of the copy operation."""

    etag: str
    copy_id: str
    state: CopyState


class BlobChangedError(Exception):
    """The requested version of an upload doesn't exist any more; `change` says why."""

    def __init__(self, change: Literal["deleted", "overwritten"]) -> None:
        super().__init__(change)
        self.change = change


class ImportStorage:
    """The storage account and its containers. Clients are created at first use, and any thread may use them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @functools.cached_property
    def account(self) -> BlobServiceClient:
        """The account: by connection string locally, by endpoint and managed identity in Azure."""
        # The SDK's default waits 15 s before its first retry. The next reconcile retries whatever fails here.
        options: dict[str, Any] = {
            "retry_policy": ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=2, random_jitter_range=0),
            "connection_timeout": _CONNECT_SECONDS,
            "read_timeout": _READ_SECONDS,
        }
        if connection_string := self._settings.import_storage:
            return BlobServiceClient.from_connection_string(connection_string.get_secret_value(), **options)
        if not self._settings.import_storage_blob_uri:
            raise ValueError("IMPORT_STORAGE or IMPORT_STORAGE__blobServiceUri: expected one of them, got neither")
        credential = azure_credential(self._settings.azure_client_id)
        return BlobServiceClient(self._settings.import_storage_blob_uri, credential, **options)

    @functools.cached_property
    def uploads(self) -> ContainerClient:
        """The container to which users upload files."""
        return self.account.get_container_client(UPLOADS)

    @functools.cached_property
    def working_copies(self) -> ContainerClient:
        """The container of the working copies."""
        return self.account.get_container_client("imports-work")

    @functools.cached_property
    def session_logs(self) -> ContainerClient:
        """The container of Data Factory's logs of the rows that Copy skipped."""
        return self.account.get_container_client("imports-rejects")


class Uploads:
    """Blobs in the container `imports`."""

    def __init__(self, storage: ImportStorage) -> None:
        self._storage = storage

    def find(self, name: str) -> UploadedBlob | None:
        """The current version of the upload with this name, or None."""
        try:
            return _uploaded(self._storage.uploads.get_blob_client(name).get_blob_properties())
        except ResourceNotFoundError:
            return None

    def require(self, name: str, etag: str) -> UploadedBlob:
        """The upload with this name, if this is still its version. Raises BlobChangedError."""
        blob = self.find(name)
        if blob is None:
            raise BlobChangedError("deleted")
        if blob.etag != etag:
            raise BlobChangedError("overwritten")
        return blob

    def read_head(self, blob: UploadedBlob) -> bytes:
        """The first HEAD_BYTES of this version. Raises BlobChangedError."""
        if not blob.size:
            return b""
        try:
            return (
                self._storage.uploads.get_blob_client(blob.name)
                .download_blob(0, HEAD_BYTES, etag=_quoted(blob.etag), match_condition=MatchConditions.IfNotModified)
                .readall()
            )
        except HttpResponseError:
            self.require(blob.name, blob.etag)
            raise

    def list_page(self, continuation: str | None) -> tuple[Sequence[UploadedBlob], str | None]:
        """A page of all uploads, and the continuation of the next page (None: it was the last)."""
        blobs, following = list_page(self._storage.uploads, continuation)
        return [_uploaded(properties) for properties in blobs], following

    def url(self, name: str) -> str:
        """The URL of an upload, whether it exists or not."""
        return self._storage.uploads.get_blob_client(name).url

    def signed_url(self, name: str, expires_at: dt.datetime) -> str:
        """A URL that may create and write this blob until `expires_at`, and nothing else.

        Signed with the account's key where the connection string has one (Azurite), else with a user delegation key of
        the managed identity, which needs the role Storage Blob Delegator.
        """
        account = self._storage.account
        key: str | None = getattr(account.credential, "account_key", None)
        token = generate_blob_sas(
            str(account.account_name),
            UPLOADS,
            name,
            account_key=key,
            user_delegation_key=None
            if key
            else account.get_user_delegation_key(dt.datetime.now(dt.UTC) - _CLOCK_SKEW, expires_at),
            permission=BlobSasPermissions(create=True, write=True),
            expiry=expires_at,
            protocol=None if key else "https",
        )
        return f"{self.url(name)}?{token}"


class WorkingCopies:
    """The blobs `imports-work/{import_id}.csv`: Data Factory reads an import's file from its working copy.

    So an upload that is overwritten or deleted, or has an unusual name, can't harm a run. The service copies the
    version of the event, asynchronously: synchronous copies end at 256 MiB.

    A copy is deleted by its ETag: it was looked up before its import ended, and a retry makes another one.
    """

    def __init__(self, storage: ImportStorage, uploads: Uploads) -> None:
        self._storage = storage
        self._uploads = uploads

    def find(self, import_id: str) -> WorkingCopy | None:
        """The working copy of an import, or None."""
        try:
            return _working_copy(self._blob(import_id).get_blob_properties())
        except ResourceNotFoundError:
            return None

    def start(self, import_id: str, name: str, etag: str) -> WorkingCopy:
        """Starts the copy of this version of the upload, or returns the copy that exists. Raises BlobChangedError."""
        try:
            started = self._blob(import_id).start_copy_from_url(
                self._uploads.url(name),
                source_etag=_quoted(etag),
                source_match_condition=MatchConditions.IfNotModified,
                match_condition=MatchConditions.IfMissing,
            )
        except HttpResponseError as error:
            if error.status_code not in _COPY_REFUSED:
                raise
            if (copy := self.find(import_id)) is not None:
                return copy
            self._uploads.require(name, etag)
            raise
        status = str(started["copy_status"])
        return WorkingCopy(unquoted(str(started["etag"])), str(started["copy_id"]), _state(status))

    def delete(self, import_id: str, copy: WorkingCopy) -> None:
        """Deletes this copy; a later one stays.

        A copy that is still being made is aborted first. Reconcile deletes what remains of it.
        """
        blob = self._blob(import_id)
        try:
            blob.delete_blob(etag=_quoted(copy.etag), match_condition=MatchConditions.IfNotModified)
        except (ResourceNotFoundError, ResourceModifiedError):
            return
        except HttpResponseError as error:
            if error.status_code != _CONFLICT or copy.state != "pending":
                raise
            blob.abort_copy(copy.copy_id)

    def list_page(self, continuation: str | None) -> tuple[Mapping[str, WorkingCopy], str | None]:
        """A page of all working copies by import id, and the continuation of the next page (None: it was the last)."""
        blobs, following = list_page(self._storage.working_copies, continuation)
        return {str(blob.name).removesuffix(_WORKING_COPY_SUFFIX): _working_copy(blob) for blob in blobs}, following

    def _blob(self, import_id: str) -> BlobClient:
        return self._storage.working_copies.get_blob_client(import_id + _WORKING_COPY_SUFFIX)


def list_page(container: ContainerClient, continuation: str | None) -> tuple[Sequence[BlobProperties], str | None]:
    """A page of a container's blobs, and the continuation of the next page (None: it was the last)."""
    pages = container.list_blobs(include=["copy"], results_per_page=_PAGE).by_page(continuation)
    blobs = list(next(pages, ()))
    # A public attribute of the SDK's page iterator that its type lacks.
    return blobs, getattr(pages, "continuation_token", None) or None


def unquoted(etag: str) -> str:
    """The ETag as records have it: replies have quotes around it, listings don't."""
    return etag.strip('"')


def _quoted(etag: str) -> str:
    return f'"{etag}"'


def _uploaded(properties: BlobProperties) -> UploadedBlob:
    return UploadedBlob(
        str(properties.name), unquoted(str(properties.etag)), int(properties.size or 0), properties.last_modified
    )


def _working_copy(properties: BlobProperties) -> WorkingCopy:
    return WorkingCopy(unquoted(str(properties.etag)), str(properties.copy.id), _state(properties.copy.status))


def _state(status: str | None) -> CopyState:
    match status:
        case "pending" | "success":
            return status
        case _:
            return "failed"
