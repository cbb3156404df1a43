"""How far a run is, from what Data Factory says of its activities."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from shared.imports.factory import ActivityRun, Run
from shared.imports.repository import Record

ENDED = frozenset({"Succeeded", "Failed", "Cancelled"})

# Copy's share of a run's time; the merge's own progress can't be seen from outside.
_COPY_SHARE = 0.4
_MERGING = 0.5


# How Data Factory's error codes for a CSV file that is not one begin ("Troubleshoot the delimited text format").
_UNREADABLE = "DelimitedText"


def of_run(run: Run, record: Record, now: dt.datetime) -> dict[str, Any]:
    """The record's columns that follow the run: steps in seconds, rows so far, share, rows/s, seconds left."""
    copy = next((activity for activity in run.activities if "rowsCopied" in activity.output), None)
    share = _share(copy, record.size_bytes)
    elapsed = (now - record.started_at).total_seconds()
    steps = [{"name": activity.name, "seconds": round(activity.seconds, 3)} for activity in run.activities]
    columns: dict[str, Any] = {"steps": json.dumps(steps), "progress": max(record.progress, share)}
    if copy:
        rows = int(copy.output.get("rowsRead", copy.output["rowsCopied"]))
        columns["rows_read"] = rows
        columns["rows_per_second"] = round(rows / max(elapsed, 0.001), 1)
    if share:
        columns["seconds_left"] = round(elapsed / share * (1 - share), 1)
    return columns


def end_without_merge(run: Run) -> dict[str, Any]:
    """The end of a run whose merge did not commit: nothing was loaded."""
    if run.status == "Cancelled":
        return {"status": "cancelled", "message": "Cancelled while it ran; nothing was loaded."}
    failed = next((activity for activity in run.activities if activity.status == "Failed"), None)
    if failed and _UNREADABLE in failed.error:
        message = "The file can't be read to its end (a quote that is never closed, or bytes that are not UTF-8)."
    else:
        where = f"in {failed.name}" if failed else "without a merge"
        message = f"The run ended {where}; the log has Data Factory's reason under the run's id. Retry it."
    return {"status": "failed", "message": f"{message} Nothing was loaded."}


def _share(copy: ActivityRun | None, size: int) -> float:
    if copy is None:
        return 0.0
    if copy.status == "Succeeded":
        return _MERGING
    return _COPY_SHARE * min(1.0, int(copy.output.get("dataRead", 0)) / max(size, 1))
