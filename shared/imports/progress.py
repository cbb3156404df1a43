"""How far a run is, from what Data Factory says of its activities; and what to say of one that came to nothing."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Literal

from shared.imports.data_factory import ActivityRun, Run
from shared.imports.records import Change, Record

COPY = "CopyToStaging"
MERGE = "Merge"

# The merge of a first load takes about so many times as long as its copy; its own progress can't be seen from outside.
_MERGE_PER_COPY = 2.0
_COPY_SHARE = 1 / (1 + _MERGE_PER_COPY)
# What can't be known to be done isn't shown as done.
_LARGEST_SHARE = 0.99

# How Data Factory's error codes for a CSV file that is not one begin ("Troubleshoot the delimited text format").
_UNREADABLE = "DelimitedText"


@dataclass(frozen=True, slots=True)
class _Estimate:
    """The share that is done, and the seconds that the rest may take (None: nothing to go by)."""

    share: float
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class End:
    """How an import ended of which nothing was loaded, and a sentence of our own about it."""

    status: Literal["failed", "cancelled"]
    message: str


def of_run(run: Run, record: Record) -> Change:
    """What an unfinished import shows of its run: steps in seconds, rows so far, share, rows/s, seconds left."""
    copy, merge = _last(run, COPY), _last(run, MERGE)
    estimate = _estimate(copy, merge, record.size_bytes)
    change: Change = {
        "steps": _steps(run),
        "progress": max(record.progress, round(estimate.share, 4)),
        "seconds_left": estimate.seconds_left,
    }
    if copy and (rows := _number(copy, "rowsRead") or _number(copy, "rowsCopied")):
        change["rows_read"] = int(rows)
        change["rows_per_second"] = _per_second(rows, copy.seconds)
    return change


def of_merged(run: Run, rows_read: int | None) -> Change:
    """What an import shows of its run in the end: its steps, and rows/s over all of them."""
    change: Change = {"steps": _steps(run)}
    if rows_read is not None:
        change["rows_per_second"] = _per_second(rows_read, sum(activity.seconds for activity in run.activities))
    return change


def without_merge(run: Run, record: Record) -> End:
    """The end of an import whose run ended, and whose merge didn't commit."""
    if record.cancel_requested:
        return End("cancelled", "Cancelled on request; nothing was loaded.")
    if run.status == "Cancelled":
        return End("cancelled", "The Data Factory run was cancelled; nothing was loaded.")
    failed = next((activity for activity in reversed(run.activities) if activity.status == "Failed"), None)
    if failed and _UNREADABLE in failed.error:
        return End(
            "failed",
            "The file can't be read to its end: expected each quote to be closed and UTF-8 throughout, "
            "got a quote that is never closed or bytes that are not UTF-8; nothing was loaded.",
        )
    step = f"in its step {failed.name}" if failed else "without a merge"
    return End("failed", f"The run ended {step}; nothing was loaded. It can be retried; the log has the reason.")


def failed_steps(run: Run) -> str:
    """The steps that failed, with Data Factory's error codes; its texts, in its own log, may quote the file."""
    failed = (activity for activity in run.activities if activity.status == "Failed")
    return ", ".join(f"{activity.name} ({activity.error.partition(' ')[0] or 'no code'})" for activity in failed)


def _estimate(copy: ActivityRun | None, merge: ActivityRun | None, size: int) -> _Estimate:
    if copy is None:
        return _Estimate(0.0, None)
    if merge is None:
        done = min(1.0, _number(copy, "dataRead") / size) if size else 1.0
        if not done:
            return _Estimate(0.0, None)
        whole = copy.seconds / done
        return _Estimate(_COPY_SHARE * done, round(whole * (1 - done + _MERGE_PER_COPY), 1))
    expected = max(copy.seconds * _MERGE_PER_COPY, 0.1)
    # Towards the end, never there: a merge that takes longer than expected still moves.
    merged = 1 - math.exp(-merge.seconds / expected)
    share = min(_COPY_SHARE + (1 - _COPY_SHARE) * merged, _LARGEST_SHARE)
    return _Estimate(share, round(max(expected - merge.seconds, expected * (1 - merged) / 2), 1))


def _last(run: Run, name: str) -> ActivityRun | None:
    """The activity of this name; its last try, where there were several."""
    return next((activity for activity in reversed(run.activities) if activity.name == name), None)


def _number(activity: ActivityRun, name: str) -> float:
    value = activity.output.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _per_second(rows: float, seconds: float) -> float:
    return round(rows / max(seconds, 0.001), 1)


def _steps(run: Run) -> str:
    return json.dumps([{"name": activity.name, "seconds": round(activity.seconds, 3)} for activity in run.activities])
