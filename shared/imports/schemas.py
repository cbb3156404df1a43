"""What crosses the wire about imports."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from shared.http.fields import PageLimit, Time

type Kind = Literal["products", "categories"]
type Status = Literal["received", "running", "succeeded", "rejected", "failed", "cancelled"]

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
    """One step of an import's run; one that was tried again stands there once more."""

    name: str = Field(examples=["CopyToStaging"])
    seconds: float = Field(description="So far, while it runs.", examples=[2.712])


class ImportRecord(BaseModel):
    """A file that landed, and what became of it."""

    model_config = ConfigDict(json_schema_extra={"example": _SUCCEEDED})

    import_id: str = Field(description="Made from container, blob name and ETag: the same upload has the same one.")
    blob_name: str
    kind: Kind | None = Field(description="By the file's header; null where that was not recognised.")
    status: Status = Field(
        description="`received` until its run begins, then `running`; the others are ends. `rejected`: no file of "
        "ours; `failed` and `cancelled`: nothing of it was loaded, and it may be tried again."
    )
    message: str | None = Field(description="A sentence, where there is something to say.")
    rows_read: int | None = Field(
        description="So far, while it runs; in the end the sum of the other five. All are null until known."
    )
    rows_inserted: int | None
    rows_updated: int | None
    rows_unchanged: int | None
    rows_superseded: int | None = Field(description="Replaced by a later row of the same file.")
    rows_rejected: int | None = Field(description="list_rejects has the first 10,000 of them with their reasons.")
    rows_per_second: float | None
    progress: float = Field(ge=0, le=1, description="The share that is done; in the end 1 only where it succeeded.")
    seconds_left: float | None = Field(description="Estimated, while it runs.")
    steps: list[Step]
    run_id: str | None = Field(description="The Data Factory run.")
    uploaded_by: str | None = Field(
        description="Uid of who asked for the upload URL; null for a blob dropped otherwise."
    )
    received_at: Time
    started_at: Time | None
    finished_at: Time | None


class ImportPage(BaseModel):
    """A page of imports, newest first."""

    items: list[ImportRecord]
    next_cursor: str | None = Field(description="null on the last page.")


class ImportQuery(BaseModel):
    """What the list shows."""

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
    """A file to be uploaded."""

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
