"""Requests and replies of the imports API."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from shared.http.fields import PageLimit, Time

type Kind = Literal["products", "categories"]
type Status = Literal["received", "running", "succeeded", "rejected", "failed", "cancelled"]

# Products come first: a file that could be of both kinds is a products file.
KINDS: tuple[Kind, ...] = ("products", "categories")
UNFINISHED: tuple[Status, ...] = ("received", "running")

_SUCCEEDED: JsonDict = {
    "import_id": "6f0c2b1e-0f3c-5a53-9a3f-0d4d0b1f6a11",
    "blob_name": "amazon_products.csv",
    "kind": "products",
    "status": "succeeded",
    "message": None,
    "rows_read": 1_426_337,
    "rows_inserted": 1_426_310,
    "rows_updated": 0,
    "rows_unchanged": 0,
    "rows_superseded": 25,
    "rows_rejected": 2,
    "rows_per_second": 209_663.2,
    "progress": 1.0,
    "seconds_left": None,
    "steps": [{"name": "CopyToStaging", "seconds": 2.712}, {"name": "Merge", "seconds": 4.091}],
    "run_id": "0f3f6b3c-5a53-4a3f-8d4d-6f0c2b1e9a11",
    "uploaded_by": None,
    "received_at": "2026-11-24T08:20:32.000000Z",
    "started_at": "2026-11-24T08:20:32.401000Z",
    "finished_at": "2026-11-24T08:20:39.527000Z",
}


class Step(BaseModel):
    """One step of an import's run. A step that Data Factory retried is listed once per attempt."""

    name: str = Field(examples=["CopyToStaging"])
    seconds: float = Field(description="So far, while it runs.", examples=[2.712])


class ImportFile(BaseModel):
    """The file of an import, and what became of it."""

    import_id: str = Field(description="Made from container, blob name and ETag: the same upload has the same one.")
    blob_name: str
    kind: Kind | None = Field(description="Detected from the file's header; null where it was not recognised.")
    status: Status = Field(
        description="`received` until its run begins, then `running`. The others are final: `succeeded`; `rejected`: "
        "not a products or categories file; `failed` and `cancelled`: nothing was loaded, and you may retry the import."
    )
    message: str | None = Field(description="A sentence about the status, where there is something to say.")


class RowCounts(BaseModel):
    """How many rows of a file were read, and what became of them; None until they are known."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    rows_read: int | None = Field(
        default=None,
        description="So far, while it runs; in the end the sum of the other five. All are null until they are known.",
    )
    rows_inserted: int | None = None
    rows_updated: int | None = None
    rows_unchanged: int | None = None
    rows_superseded: int | None = Field(default=None, description="Replaced by a later row of the same file.")
    rows_rejected: int | None = Field(
        default=None, description="list_rejects has the first 10,000 of them with their reasons."
    )


# The fields of the last base class come first in the reply.
class ImportRecord(RowCounts, ImportFile):
    """A file that was uploaded, and what became of it."""

    model_config = ConfigDict(json_schema_extra={"example": _SUCCEEDED})

    rows_per_second: float | None
    progress: float = Field(ge=0, le=1, description="The share that is done; in the end 1 only where it succeeded.")
    seconds_left: float | None = Field(description="Estimated, while it runs.")
    steps: list[Step]
    run_id: str | None = Field(description="The Data Factory run.")
    uploaded_by: str | None = Field(
        description="Uid of the user who requested the upload URL; null for a blob that was uploaded otherwise."
    )
    received_at: Time
    started_at: Time | None
    finished_at: Time | None


class ImportPage(BaseModel):
    """A page of imports, newest first."""

    items: list[ImportRecord]
    next_cursor: str | None = Field(description="null on the last page.")


class ImportQuery(BaseModel):
    """The query parameters of the list."""

    model_config = ConfigDict(frozen=True)

    limit: PageLimit = Field(default=20, description="Imports on a page.")
    cursor: str | None = Field(default=None, description="The next_cursor of the page before.")


def _file_name(text: str) -> str:
    if not text.lower().endswith(".csv"):
        raise ValueError("Expected a name that ends in .csv")
    if any(character in "/\\" or unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("Expected a name without /, \\ and control characters")
    return text


class NewUpload(BaseModel):
    """A file that you want to upload."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"example": {"file_name": "amazon_products.csv"}}
    )

    file_name: Annotated[
        str,
        Field(min_length=1, max_length=200, description="Ends in .csv; no /, \\ or control character."),
        AfterValidator(_file_name),
    ]


class Upload(BaseModel):
    """Where to PUT the file: with the header `x-ms-blob-type: BlockBlob`."""

    upload_url: str = Field(
        description="Lets its holder write this one blob and do nothing else, until it expires.",
        examples=["https://account.blob.core.windows.net/imports/5b7a…/amazon_products.csv?sp=cw&sig=…"],
    )
    blob_name: str = Field(examples=["5b7a0c6e-1c0f-4a53-9a3f-0d4d0b1f6a11/amazon_products.csv"])
    expires_at: Time
