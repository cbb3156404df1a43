"""Uploads: blobs in the container `imports`, each version told from others by its ETag."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobSasPermissions, generate_blob_sas

from shared.imports.header import HEAD_BYTES
from shared.imports.storage import PAGE, UPLOADS, ImportStorage

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties

# The clock of the service may be behind ours.
_CLOCKS_DIFFER = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class UploadedBlob:
    """A blob as it stands now; the ETag is without quotes."""

    name: str
    etag: str
    size: int
    uploaded_at: dt.datetime


class BlobMovedOnError(Exception):
    """The version that was asked for is there no more."""

    def __init__(self, became: Literal["deleted", "overwritten"]) -> None:
        super().__init__(became)
        self.became = became


class _HoldsKey(Protocol):
    """What the SDK makes of a connection string's key."""

    account_key: str


class Uploads:
    """Blocking calls."""

    def __init__(self, storage: ImportStorage) -> None:
        self._storage = storage

    def look_at(self, name: str) -> UploadedBlob | None:
        """The upload of this name, or None where there is none any more."""
        try:
            return _uploaded(self._storage.uploads.get_blob_client(name).get_blob_properties())
        except ResourceNotFoundError:
            return None

    def head(self, blob: UploadedBlob) -> bytes:
        """The first HEAD_BYTES of exactly this version. Raises BlobMovedOnError."""
        if not blob.size:
            return b""
        try:
            return (
                self._storage.uploads.get_blob_client(blob.name)
                .download_blob(0, HEAD_BYTES, etag=quoted(blob.etag), match_condition=MatchConditions.IfNotModified)
                .readall()
            )
        except HttpResponseError:
            self.version(blob.name, blob.etag)
            raise

    def version(self, name: str, etag: str) -> UploadedBlob:
        """The upload of this name, which is still this version. Raises BlobMovedOnError."""
        blob = self.look_at(name)
        if blob is None:
            raise BlobMovedOnError("deleted")
        if blob.etag != etag:
            raise BlobMovedOnError("overwritten")
        return blob

    def page(self, continuation: str | None) -> tuple[list[UploadedBlob], str | None]:
        """A page of all uploads and where the next begins (None: it was the last)."""
        pages = self._storage.uploads.list_blobs(results_per_page=PAGE).by_page(continuation)
        blobs = [_uploaded(properties) for properties in next(pages, ())]
        # The SDK's page iterator has it, its type doesn't say so.
        return blobs, getattr(pages, "continuation_token", None) or None

    def url(self, name: str) -> str:
        """Where this upload is, or will be."""
        return self._storage.uploads.get_blob_client(name).url

    def signed_url(self, name: str, expires_at: dt.datetime) -> str:
        """A URL that may write this one blob and do nothing else, until then.

        Signed with the account's key where the connection has one (Azurite), else with a user-delegation key of the
        managed identity, which needs the role Storage Blob Delegator.
        """
        account = self._storage.account
        permission = BlobSasPermissions(create=True, write=True)
        holder: _HoldsKey | None = account.credential if hasattr(account.credential, "account_key") else None
        if holder:
            token = generate_blob_sas(
                str(account.account_name),
                UPLOADS,
                name,
                account_key=holder.account_key,
                permission=permission,
                expiry=expires_at,
            )
        else:
            token = generate_blob_sas(
                str(account.account_name),
                UPLOADS,
                name,
                user_delegation_key=account.get_user_delegation_key(
                    dt.datetime.now(dt.UTC) - _CLOCKS_DIFFER, expires_at
                ),
                permission=permission,
                expiry=expires_at,
                protocol="https",
            )
        return f"{self.url(name)}?{token}"


def quoted(etag: str) -> str:
    """The ETag as it stands in a header."""
    return f'"{etag}"'


def unquoted(etag: str) -> str:
    """The ETag as it stands in a record: replies have it with quotes, listings without."""
    return etag.strip('"')


def _uploaded(properties: BlobProperties) -> UploadedBlob:
    return UploadedBlob(
        str(properties.name), unquoted(str(properties.etag)), int(properties.size or 0), properties.last_modified
    )
