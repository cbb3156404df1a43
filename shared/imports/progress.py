"""Estimates how far a run is, from what Data Factory reports of its activities."""

from __future__ import annotations

import json
import math

from shared.imports.data_factory import ActivityRun, Run
from shared.imports.records import Change, Record
from shared.imports.schemas import RowCounts

_COPY = "CopyToStaging"
_MERGE = "Merge"

# Duration of a first load's merge, in durations of its copy. The progress within a merge can't be observed.
_MERGE_PER_COPY = 2.0
_COPY_SHARE = 1 / (1 + _MERGE_PER_COPY)
# An unfinished import never shows more than this.
_LARGEST_SHARE = 0.99


def of_running(run: Run, record: Record) -> Change:
    """The progress of an unfinished import: steps, share, seconds left, rows so far and rows per second."""
    copy = run.latest(_COPY)
    share, seconds_left = _estimate(copy, run.latest(_MERGE), record.size_bytes)
    change: Change = {
        "steps": _steps(run),
        "progress": max(record.progress, round(share, 4)),
        "seconds_left": seconds_left,
    }
    if copy and (rows := _number(copy, "rowsRead") or _number(copy, "rowsCopied")):
        change["counts"] = RowCounts(rows_read=int(rows))
        change["rows_per_second"] = _per_second(rows, copy.seconds)
    return change


def of_ended(run: Run, rows_read: int | None) -> Change:
    """The figures of a finished import: its steps, and rows per second over all of them."""
    change: Change = {"steps": _steps(run)}
    if rows_read is not None:
        change["rows_per_second"] = _per_second(rows_read, sum(activity.seconds for activity in run.activities))
    return change


def _estimate(copy: ActivityRun | None, merge: ActivityRun | None, size: int) -> tuple[float, float | None]:
    """The share that is done, and the seconds that the rest may take (None: unknown)."""
    if copy is None:
        return 0.0, None
    if merge is None:
        done = min(1.0, _number(copy, "dataRead") / size) if size else 1.0
        if not done:
            return 0.0, None
        whole = copy.seconds / done
        return _COPY_SHARE * done, round(whole * (1 - done + _MERGE_PER_COPY), 1)
    expected = max(copy.seconds * _MERGE_PER_COPY, 0.1)
    # Approaches 1 without reaching it, so that a merge that takes longer than expected still shows progress.
    merged = 1 - math.exp(-merge.seconds / expected)
    share = min(_COPY_SHARE + (1 - _COPY_SHARE) * merged, _LARGEST_SHARE)
    return share, round(max(expected - merge.seconds, expected * (1 - merged) / 2), 1)


def _number(activity: ActivityRun, name: str) -> float:
    value = activity.output.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _per_second(rows: float, seconds: float) -> float:
    return round(rows / max(seconds, 0.001), 1)


def _steps(run: Run) -> str:
    return json.dumps([{"name": activity.name, "seconds": round(activity.seconds, 3)} for activity in run.activities])
