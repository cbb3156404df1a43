"""An import's record and its merge's outcome, as their tables have them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TypedDict

from shared.imports.schemas import UNFINISHED, Kind, Status


@dataclass(frozen=True, slots=True)
class Record:
    """A row of import_records.

    `started_at` is set from the moment at which a run is asked for: from then on there may be one, whatever `status`
    and `run_id` say. `steps` is JSON.
    """

    sequence: int
    import_id: str
    blob_name: str
    etag: str
    size_bytes: int
    kind: Kind | None
    status: Status
    message: str | None
    max_reject_share: float
    cancel_requested: bool
    rows_read: int | None
    rows_inserted: int | None
    rows_updated: int | None
    rows_unchanged: int | None
    rows_superseded: int | None
    rows_rejected: int | None
    rows_per_second: float | None
    progress: float
    seconds_left: float | None
    steps: str
    run_id: str | None
    uploaded_by: str | None
    received_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None

    @property
    def is_finished(self) -> bool:
        """Whether it has ended; only a retry changes it then."""
        return self.status not in UNFINISHED


@dataclass(frozen=True, slots=True)
class NewRecord:
    """What a record begins with."""

    import_id: str
    blob_name: str
    etag: str
    size_bytes: int
    kind: Kind | None
    status: Status
    message: str | None
    max_reject_share: float
    received_at: dt.datetime
    finished_at: dt.datetime | None


class Change(TypedDict, total=False):
    """What may change of a record. The rows read are the sum of the other five, where all are known."""

    size_bytes: int
    kind: Kind | None
    rows_read: int | None
    rows_inserted: int | None
    rows_updated: int | None
    rows_unchanged: int | None
    rows_superseded: int | None
    rows_rejected: int | None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A row of import_outcomes: how an import ended. Written once, by its merge or in place of one that never came."""

    import_id: str
    blob_name: str
    sequence: int
    status: Status
    message: str | None
    rows_read: int | None = None
    rows_inserted: int | None = None
    rows_updated: int | None = None
    rows_unchanged: int | None = None
    rows_superseded: int | None = None
    rows_rejected: int | None = None
    merged_at: dt.datetime

    def as_change(self) -> Change:
        """What of it the record has, too."""
        return {
            "status": self.status,
            "message": self.message,
            "rows_read": self.rows_read,
            "rows_inserted": self.rows_inserted,
            "rows_updated": self.rows_updated,
            "rows_unchanged": self.rows_unchanged,
            "rows_superseded": self.rows_superseded,
            "rows_rejected": self.rows_rejected,
        }
