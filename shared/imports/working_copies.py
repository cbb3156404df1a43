"""Working copies: each unfinished import reads a copy of its own, `imports-work/{import_id}.csv`.

Overwritten and deleted uploads, and odd names, can't harm a run that reads the copy. It is made by the service itself,
from exactly the version that was announced; asynchronously, since the synchronous copy ends at 256 MiB.

A copy is dropped by its ETag: who drops it has seen it before its import ended, and a retry makes another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError

from shared.imports.storage import PAGE, ImportStorage
from shared.imports.uploads import Uploads, quoted, unquoted

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties

type CopyState = Literal["pending", "success", "failed"]

_SUFFIX = ".csv"
# Somebody else's copy stands there already, whole or under way; a condition isn't met; the source is gone.
_OTHERS_WERE_FASTER = frozenset({404, 409, 412})
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """A working copy as it stands now; `copy_id` is the service's name for its making."""

    etag: str
    copy_id: str
    state: CopyState


class WorkingCopies:
    """Blocking calls."""

    def __init__(self, storage: ImportStorage, uploads: Uploads) -> None:
        self._storage = storage
        self._uploads = uploads

    def look_at(self, import_id: str) -> WorkingCopy | None:
        """The working copy, or None where there is none."""
        try:
            return _copy(self._client(import_id).get_blob_properties())
        except ResourceNotFoundError:
            return None

    def make(self, import_id: str, name: str, etag: str) -> WorkingCopy | None:
        """Begins a copy of exactly this version of the upload, where there is none yet; gives how it stands.

        None: it was dropped meanwhile. Raises BlobMovedOnError.
        """
        try:
            begun = self._client(import_id).start_copy_from_url(
                self._uploads.url(name),
                source_etag=quoted(etag),
                source_match_condition=MatchConditions.IfNotModified,
                match_condition=MatchConditions.IfMissing,
            )
        except HttpResponseError as error:
            if error.status_code not in _OTHERS_WERE_FASTER:
                raise
            if (copy := self.look_at(import_id)) is not None:
                return copy
            self._uploads.version(name, etag)
            raise
        return WorkingCopy(unquoted(str(begun["etag"])), str(begun["copy_id"]), _state(str(begun["copy_status"])))

    def drop(self, import_id: str, copy: WorkingCopy) -> None:
        """Deletes this copy; one that was made since stays.

        One that is still being made is given up first; what remains of it is dropped as a leftover.
        """
        client = self._client(import_id)
        try:
            client.delete_blob(etag=quoted(copy.etag), match_condition=MatchConditions.IfNotModified)
        except (ResourceNotFoundError, ResourceModifiedError):
            return
        except HttpResponseError as error:
            if error.status_code != _CONFLICT or copy.state != "pending":
                raise
            client.abort_copy(copy.copy_id)

    def page(self, continuation: str | None) -> tuple[Mapping[str, WorkingCopy], str | None]:
        """A page of all working copies by their imports, and where the next begins (None: it was the last)."""
        pages = self._storage.work.list_blobs(include=["copy"], results_per_page=PAGE).by_page(continuation)
        copies = {str(blob.name).removesuffix(_SUFFIX): _copy(blob) for blob in next(pages, ())}
        # The SDK's page iterator has it, its type doesn't say so.
        return copies, getattr(pages, "continuation_token", None) or None

    def _client(self, import_id: str) -> BlobClient:
        return self._storage.work.get_blob_client(import_id + _SUFFIX)


def _copy(properties: BlobProperties) -> WorkingCopy:
    return WorkingCopy(unquoted(str(properties.etag)), str(properties.copy.id), _state(properties.copy.status))


def _state(status: str | None) -> CopyState:
    match status:
        case "pending" | "success":
            return status
        case _:
            return "failed"
