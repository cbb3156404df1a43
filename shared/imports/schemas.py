"""What crosses the wire about imports."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.catalog.fields import PageLimit
from shared.catalog.schemas import Time

type Kind = Literal["products", "categories"]
type Status = Literal["received", "running", "succeeded", "rejected", "failed", "cancelled"]

UNFINISHED: tuple[Status, ...] = ("received", "running")


class Step(BaseModel):
    """One step of an import's run."""

    name: str = Field(examples=["CopyToStaging"])
    seconds: float = Field(examples=[2.7])


class ImportRecord(BaseModel):
    """A file that landed, and what became of it."""

    import_id: str = Field(examples=["6f0c2b1e-0f3c-5a53-9a3f-0d4d0b1f6a11"])
    blob_name: str = Field(examples=["amazon_products.csv"])
    kind: Kind | None = Field(description="By its header; null where that was not recognised.")
    status: Status
    message: str | None = Field(description="A sentence where there is something to say.")
    rows_read: int | None = Field(description="While it runs: so far.")
    rows_inserted: int | None
    rows_updated: int | None
    rows_unchanged: int | None
    rows_superseded: int | None = Field(description="Replaced by a later row of the same file.")
    rows_rejected: int | None
    rows_per_second: float | None
    progress: float = Field(ge=0, le=1)
    seconds_left: float | None
    steps: list[Step]
    run_id: str | None = Field(description="The Data Factory run.")
    uploaded_by: str | None = Field(
        description="The uid of who asked for the upload URL; null for a blob dropped otherwise."
    )
    received_at: Time
    started_at: Time | None
    finished_at: Time | None


class ImportPage(BaseModel):
    """A page of imports, newest first."""

    items: list[ImportRecord]
    next_cursor: str | None


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

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"example": {"file_name": "products.csv"}})

    file_name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_file_name)]


class Upload(BaseModel):
    """Where to PUT the file: with the header `x-ms-blob-type: BlockBlob`."""

    upload_url: str = Field(description="Write-only, for this one blob.")
    blob_name: str
    expires_at: Time
