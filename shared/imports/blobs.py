"""The storage account: uploads in `imports`, working copies in `imports-work`, Copy's logs in `imports-rejects`."""

from __future__ import annotations

import csv
import datetime as dt
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from shared.identity.azure_credential import azure_credential
from shared.imports.header import HEAD_BYTES
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

UPLOADS = "imports"
_WORK = "imports-work"
_REJECTS = "imports-rejects"
_PAGE = 500
_CONDITION_NOT_MET = 412
_CONFLICT = 409

type CopyState = Literal["none", "pending", "success", "failed"]


@dataclass(frozen=True, slots=True)
class UploadedBlob:
    """A blob as it stands now; the ETag is without quotes."""

    name: str
    etag: str
    size: int
    uploaded_at: dt.datetime


class BlobMovedOnError(Exception):
    """The blob was overwritten or deleted since its event."""


class ImportBlobs:
    """Blocking calls."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look_at(self, name: str) -> UploadedBlob | None:
        """The upload of this name, or None where there is none any more."""
        try:
            return _uploaded(self._upload(name).get_blob_properties())
        except ResourceNotFoundError:
            return None

    def head(self, blob: UploadedBlob) -> bytes:
        """The first HEAD_BYTES of exactly this version. Raises BlobMovedOnError."""
        if not blob.size:
            return b""
        with _moved_on():
            download = self._upload(blob.name).download_blob(
                0, HEAD_BYTES, etag=_quoted(blob.etag), match_condition=MatchConditions.IfNotModified
            )
            return download.readall()

    def start_copy(self, name: str, etag: str, import_id: str) -> CopyState:
        """Begins the server-side copy of exactly this version; gives its state. Raises BlobMovedOnError.

        Asynchronous: the synchronous copy ends at 256 MiB.
        """
        with _moved_on():
            self._copy(import_id).start_copy_from_url(
                self._upload(name).url, source_etag=_quoted(etag), source_match_condition=MatchConditions.IfNotModified
            )
        return self.copy_state(import_id)

    def copy_state(self, import_id: str) -> CopyState:
        """How the working copy stands."""
        try:
            status = self._copy(import_id).get_blob_properties().copy.status
        except ResourceNotFoundError:
            return "none"
        match status:
            case "pending":
                return "pending"
            case "success":
                return "success"
            case _:
                return "failed"

    def drop_copy(self, import_id: str) -> None:
        """Deletes the working copy where there is one."""
        copy = self._copy(import_id)
        try:
            copy.delete_blob(delete_snapshots="include")
        except ResourceNotFoundError:
            return
        except HttpResponseError as error:
            if error.status_code != _CONFLICT:
                raise
            # A copy that is still under way must be given up first.
            copy.abort_copy(copy.get_blob_properties().copy.id or "")
            copy.delete_blob()

    def uploads_page(self, continuation: str | None) -> tuple[list[UploadedBlob], str | None]:
        """A page of the uploads and where the next begins (None: it was the last)."""
        pages = self._container(UPLOADS).list_blobs(results_per_page=_PAGE).by_page(continuation)
        blobs = [_uploaded(properties) for properties in next(pages, ())]
        # The SDK's page iterator has it, its type doesn't say so.
        return blobs, getattr(pages, "continuation_token", None) or None

    def copies(self) -> list[str]:
        """The imports of the first page of working copies."""
        pages = self._container(_WORK).list_blobs(results_per_page=_PAGE).by_page()
        return [str(properties.name).removesuffix(".csv") for properties in next(pages, ())]

    def upload_url(self, name: str, expires_at: dt.datetime) -> str:
        """A URL that may create this one blob and nothing else, until then.

        Signed with the account's key on Azurite, with a user-delegation key of the managed identity in Azure.
        """
        account = self._account
        now = dt.datetime.now(dt.UTC)
        signed_by = (
            {"account_key": account.credential.account_key}
            if hasattr(account.credential, "account_key")
            else {"user_delegation_key": account.get_user_delegation_key(now - dt.timedelta(minutes=5), expires_at)}
        )
        token = generate_blob_sas(
            str(account.account_name),
            UPLOADS,
            name,
            permission=BlobSasPermissions(create=True, write=True),
            expiry=expires_at,
            **signed_by,
        )
        return f"{self._upload(name).url}?{token}"

    def skipped_rows(self, import_id: str) -> Iterator[tuple[str, list[str]]]:
        """Data Factory's message and the fields of each row that its Copy skipped, streamed from its session logs.

        Their form is documented as "Session log in a Copy activity": OperationItem holds the row as quoted CSV.
        """
        container = self._container(_REJECTS)
        for blob in container.list_blobs(name_starts_with=f"{import_id}/"):
            lines = _lines(container.download_blob(blob.name).chunks())
            for entry in csv.DictReader(lines):
                if entry["OperationName"] == "TabularRowSkip":
                    yield entry["Message"], next(csv.reader([entry["OperationItem"]], skipinitialspace=True))

    def drop_logs(self, import_id: str) -> None:
        """Deletes the session logs of an import."""
        container = self._container(_REJECTS)
        for blob in container.list_blobs(name_starts_with=f"{import_id}/"):
            container.delete_blob(blob.name)

    def _upload(self, name: str) -> BlobClient:
        return self._account.get_blob_client(UPLOADS, name)

    def _copy(self, import_id: str) -> BlobClient:
        return self._account.get_blob_client(_WORK, f"{import_id}.csv")

    def _container(self, name: str) -> ContainerClient:
        return self._account.get_container_client(name)

    @functools.cached_property
    def _account(self) -> BlobServiceClient:
        limits: dict[str, Any] = {"retry_total": 3, "connection_timeout": 5, "read_timeout": 30}
        if self._settings.import_storage:
            return BlobServiceClient.from_connection_string(self._settings.import_storage.get_secret_value(), **limits)
        return BlobServiceClient(
            str(self._settings.import_storage_blob_uri), azure_credential(self._settings), **limits
        )


class _moved_on:  # noqa: N801  # reads as a with statement's verb
    """Turns Storage's "condition not met" and "not found" into BlobMovedOnError."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        gone = isinstance(error, ResourceNotFoundError)
        if gone or (isinstance(error, HttpResponseError) and error.status_code == _CONDITION_NOT_MET):
            raise BlobMovedOnError from error


def _uploaded(properties: BlobProperties) -> UploadedBlob:
    return UploadedBlob(
        str(properties.name), str(properties.etag).strip('"'), int(properties.size or 0), properties.last_modified
    )


def _quoted(etag: str) -> str:
    return f'"{etag}"'


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    """Lines of a stream, their ends kept: a quoted field may hold some."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode("utf-8") + "\n"
    if rest:
        yield rest.decode("utf-8")
