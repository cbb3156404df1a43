"""An import's course, told: one log line and one count for each state that it comes to, and its figures at the end.

Never the blob's name, which is its owner's words, nor what a message quotes of a file: the record has both.
"""

from __future__ import annotations

import datetime as dt
import logging

from shared.imports.records import Change, NewRecord, Record
from shared.imports.schemas import Status
from shared.telemetry import metrics, spans, work

log = logging.getLogger(__name__)

_UNRECOGNISED = "none"
_ROWS = ("inserted", "updated", "unchanged", "superseded", "rejected")


def import_received(new: NewRecord) -> None:
    """A record was written."""
    _tell(new, new.status, None, new.message)


def import_changed(seen: Record, change: Change) -> None:
    """A record has changed; nothing is told where its state is the same."""
    status = change.get("status")
    if status is None:
        return
    _tell(seen, status, change.get("run_id") or seen.run_id, change.get("message"))
    if status == "failed":
        spans.fail_current("The import failed.")
    elif status == "succeeded":
        _measure(seen, change)


def _tell(of: NewRecord | Record, status: Status, run_id: str | None, message: str | None) -> None:
    kind = of.kind
    metrics.IMPORTS.add(kind or _UNRECOGNISED, status)
    said = {
        work.IMPORT_ID: of.import_id,
        work.IMPORT_KIND: kind or _UNRECOGNISED,
        work.IMPORT_STATUS: status,
        **({work.RUN_ID: run_id} if run_id else {}),
    }
    # Somebody's file is at fault, most likely: nothing that the app's own people have to look at.
    level = logging.WARNING if status in {"failed", "rejected"} else logging.INFO
    # Why a file was rejected quotes its first line.
    why = "Its record says why." if status == "rejected" else message or ""
    log.log(level, "import %s: %s. %s", of.import_id, status, why, extra=said)


def _measure(seen: Record, change: Change) -> None:
    kind = seen.kind or _UNRECOGNISED
    counts = dict(change)
    for outcome in _ROWS:
        rows = counts.get(f"rows_{outcome}")
        if isinstance(rows, int):
            metrics.IMPORT_ROWS.add(kind, outcome, amount=rows)
    speed = change.get("rows_per_second") or seen.rows_per_second
    if speed:
        metrics.IMPORT_SPEED.record(speed, kind)
    ended = change.get("finished_at") or dt.datetime.now(dt.UTC)
    metrics.IMPORT_SECONDS.record((ended - seen.received_at).total_seconds(), kind)
