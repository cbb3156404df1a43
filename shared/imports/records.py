"""Rows of the tables import_records and import_outcomes."""

from __future__ import annotations

import datetime as dt
from typing import TypedDict

from pydantic import ConfigDict, Json

from shared.imports.schemas import UNFINISHED, ImportFile, ImportRecord, RowCounts, Status, Step


class NewRecord(ImportFile):
    """The columns that are set when a record is inserted.

    `csv_columns` are the known columns that the file has: CSV names, separated by commas. Null where the file was not
    recognised, and in records from before this column, whose files have all columns of their kind.
    """

    etag: str
    size_bytes: int
    max_reject_share: float
    csv_columns: str | None = None
    received_at: dt.datetime
    finished_at: dt.datetime | None


class Record(NewRecord, ImportRecord):
    """A row of import_records. The API shows the fields that it has from ImportRecord.

    `started_at` is set when a run is requested: from then on there may be one, whatever `status` and `run_id` are.
    """

    model_config = ConfigDict(frozen=True)

    sequence: int
    cancel_requested: bool
    steps: Json[list[Step]]

    @property
    def is_finished(self) -> bool:
        """Whether it has a final status, which only a retry changes."""
        return self.status not in UNFINISHED


class Change(TypedDict, total=False):
    """New values of a record's columns; `counts` stands for the columns of RowCounts, `steps` is JSON."""

    size_bytes: int
    kind: str | None
    csv_columns: str | None
    counts: RowCounts
    status: Status
    message: str | None
    cancel_requested: bool
    rows_per_second: float | None
    progress: float
    seconds_left: float | None
    steps: str
    run_id: str | None
    started_at: dt.datetime | None
    finished_at: dt.datetime | None


class Outcome(RowCounts):
    """A row of import_outcomes: how an import ended.

    It is inserted once: by the merge, or by the workflow where a run ended without its merge.
    """

    import_id: str
    blob_name: str
    sequence: int
    status: Status
    message: str | None
    merged_at: dt.datetime

    @property
    def counts(self) -> RowCounts:
        """The row counts alone."""
        return RowCounts.model_validate(self.model_dump(include=set(RowCounts.model_fields)))
