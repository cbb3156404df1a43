"""Logs and counts each state of an import, and measures imports that succeeded.

Blob names and messages that quote a file are the user's data: they are in the record and never in the log.
"""

from __future__ import annotations

import datetime as dt
import logging

from shared.imports.records import Change, NewRecord, Record
from shared.imports.schemas import Status
from shared.telemetry import metrics, spans, work

log = logging.getLogger(__name__)

_UNRECOGNISED = "none"


def import_received(new: NewRecord) -> None:
    """A record was inserted."""
    _log_and_count(new, new.status, None, new.message)


def import_changed(seen: Record, change: Change) -> None:
    """A record was changed; a change without a status is not logged."""
    status = change.get("status")
    if status is None:
        return
    _log_and_count(seen, status, change.get("run_id") or seen.run_id, change.get("message"))
    if status == "failed":
        spans.fail_current("The import failed.")
    elif status == "succeeded":
        _measure(seen, change)


def _log_and_count(record: NewRecord | Record, status: Status, run_id: str | None, message: str | None) -> None:
    kind = record.kind or _UNRECOGNISED
    metrics.IMPORTS.add(kind, status)
    attributes = {
        work.IMPORT_ID: record.import_id,
        work.IMPORT_KIND: kind,
        work.IMPORT_STATUS: status,
        **({work.RUN_ID: run_id} if run_id else {}),
    }
    # Most of these are faults of the file, which operators can't fix: a warning, not an error.
    level = logging.WARNING if status in {"failed", "rejected"} else logging.INFO
    # The message of a rejected file quotes its header.
    reason = "Its record has the reason." if status == "rejected" else message or ""
    log.log(level, "import %s: %s. %s", record.import_id, status, reason, extra=attributes)


def _measure(seen: Record, change: Change) -> None:
    kind = seen.kind or _UNRECOGNISED
    if counts := change.get("counts"):
        for name, rows in counts.model_dump(exclude={"rows_read"}, exclude_none=True).items():
            metrics.IMPORT_ROWS.add(kind, name.removeprefix("rows_"), amount=rows)
    if speed := change.get("rows_per_second") or seen.rows_per_second:
        metrics.IMPORT_SPEED.record(speed, kind)
    finished_at = change.get("finished_at") or dt.datetime.now(dt.UTC)
    metrics.IMPORT_SECONDS.record((finished_at - seen.received_at).total_seconds(), kind)
