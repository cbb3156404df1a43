"""The records of pipeline runs and activity runs, in a SQLite file that outlives the factory."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sqlite3
import threading
import uuid
from pathlib import Path
from typing import Any, Literal

from local.datafactory.json_values import Json

type RunStatus = Literal["Queued", "InProgress", "Succeeded", "Failed", "Canceling", "Cancelled"]
type ActivityStatus = Literal["InProgress", "Succeeded", "Failed", "Cancelled"]

# Times are ISO 8601 texts in UTC, which sort by time.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS pipeline_runs (
    sequence INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    pipeline_name TEXT NOT NULL,
    parameters TEXT NOT NULL,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    starts INTEGER NOT NULL,
    last_updated TEXT NOT NULL,
    run_start TEXT NOT NULL,
    run_end TEXT
);
CREATE INDEX IF NOT EXISTS ix_pipeline_runs_status ON pipeline_runs (status, pipeline_name);
CREATE TABLE IF NOT EXISTS activity_runs (
    sequence INTEGER PRIMARY KEY,
    activity_run_id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL REFERENCES pipeline_runs (run_id),
    activity_name TEXT NOT NULL,
    activity_type TEXT NOT NULL,
    status TEXT NOT NULL,
    activity_run_start TEXT NOT NULL,
    activity_run_end TEXT,
    output TEXT NOT NULL,
    error TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_activity_runs_run_id ON activity_runs (run_id, sequence);
"""


def now() -> str:
    """The present time in the form of the REST API."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


@dataclasses.dataclass(frozen=True)
class PipelineRun:
    """One run of a pipeline. `starts` counts its starts; each kill of the factory adds one."""

    run_id: str
    pipeline_name: str
    parameters: dict[str, Json]
    status: RunStatus
    run_start: str
    message: str = ""
    starts: int = 0
    last_updated: str = ""
    run_end: str | None = None


@dataclasses.dataclass
class ActivityRun:
    """One activity of a run. `output` changes while it runs."""

    run_id: str
    activity_name: str
    activity_type: str
    status: ActivityStatus = "InProgress"
    activity_run_id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    activity_run_start: str = dataclasses.field(default_factory=now)
    activity_run_end: str | None = None
    output: dict[str, Json] = dataclasses.field(default_factory=dict)
    error: dict[str, Json] = dataclasses.field(default_factory=dict)


class RunRecords:
    """The records of runs, oldest first. Any thread may use them."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)
        self._live: dict[str, ActivityRun] = {}

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    def add(self, run: PipelineRun) -> None:
        """Adds a run."""
        self._execute(
            "INSERT INTO pipeline_runs (run_id, pipeline_name, parameters, status, message, starts, last_updated,"
            " run_start) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            run.run_id,
            run.pipeline_name,
            json.dumps(run.parameters),
            run.status,
            run.message,
            run.starts,
            now(),
            run.run_start,
        )

    def begin(self, run_id: str) -> None:
        """Starts a queued run, again after the factory was killed during it."""
        self._execute(
            "UPDATE pipeline_runs SET status = 'InProgress', starts = starts + 1, last_updated = ? WHERE run_id = ?",
            now(),
            run_id,
        )

    def mark(self, run_id: str, status: RunStatus) -> None:
        """Sets the status of a run that hasn't ended."""
        self._execute("UPDATE pipeline_runs SET status = ?, last_updated = ? WHERE run_id = ?", status, now(), run_id)

    def end(self, run_id: str, status: RunStatus, message: str = "") -> None:
        """Ends a run."""
        time = now()
        self._execute(
            "UPDATE pipeline_runs SET status = ?, message = ?, last_updated = ?, run_end = ? WHERE run_id = ?",
            status,
            message,
            time,
            time,
            run_id,
        )

    def run(self, run_id: str) -> PipelineRun | None:
        """The run of this id."""
        return next(iter(self._runs("WHERE run_id = ?", run_id)), None)

    def with_status(self, *statuses: RunStatus) -> list[PipelineRun]:
        """The runs with one of these statuses."""
        marks = ", ".join("?" * len(statuses))
        return self._runs(f"WHERE status IN ({marks})", *statuses)  # question marks

    def updated_between(self, after: str, before: str) -> list[PipelineRun]:
        """The runs whose last change lies in the window, including its ends."""
        return self._runs("WHERE last_updated BETWEEN ? AND ?", after, before)

    def begin_activity(self, activity: ActivityRun) -> None:
        """Adds an activity that begins. Readers see its changes until it ends."""
        self._live[activity.activity_run_id] = activity
        self._save(activity)

    def end_activity(self, activity: ActivityRun) -> None:
        """Saves an activity that has ended."""
        activity.activity_run_end = now()
        self._save(activity)
        del self._live[activity.activity_run_id]

    def end_lost_activities(self, run_id: str) -> None:
        """Fails the activities of a run that were running when the factory was killed."""
        error = {"errorCode": "2100", "message": "The factory was stopped.", "failureType": "SystemError"}
        self._execute(
            "UPDATE activity_runs SET status = 'Failed', activity_run_end = ?, error = ?"
            " WHERE run_id = ? AND status = 'InProgress'",
            now(),
            json.dumps(error),
            run_id,
        )

    def activities(self, run_id: str) -> list[ActivityRun]:
        """The activities of a run. Running ones have their present output."""
        rows = self._execute(
            "SELECT run_id, activity_name, activity_type, status, activity_run_id, activity_run_start,"
            " activity_run_end, output, error FROM activity_runs WHERE run_id = ? ORDER BY sequence",
            run_id,
        )
        return [self._live.get(row[4]) or _activity_of(*row) for row in rows]

    def _save(self, activity: ActivityRun) -> None:
        self._execute(
            "INSERT INTO activity_runs (activity_run_id, run_id, activity_name, activity_type, status,"
            " activity_run_start, activity_run_end, output, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (activity_run_id) DO UPDATE SET status = excluded.status,"
            " activity_run_end = excluded.activity_run_end, output = excluded.output, error = excluded.error",
            activity.activity_run_id,
            activity.run_id,
            activity.activity_name,
            activity.activity_type,
            activity.status,
            activity.activity_run_start,
            activity.activity_run_end,
            json.dumps(activity.output),
            json.dumps(activity.error),
        )

    def _runs(self, where: str, *values: str) -> list[PipelineRun]:
        rows = self._execute(
            "SELECT run_id, pipeline_name, parameters, status, run_start, message, starts, last_updated, run_end"
            f" FROM pipeline_runs {where} ORDER BY sequence",
            *values,
        )
        return [PipelineRun(row[0], row[1], json.loads(row[2]), *row[3:]) for row in rows]

    def _execute(self, statement: str, *values: str | int | None) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(statement, values).fetchall()


def _activity_of(*columns: Any) -> ActivityRun:  # noqa: ANN401  # a row's columns
    run_id, name, kind, status, activity_run_id, begin, end, output, error = columns
    return ActivityRun(run_id, name, kind, status, activity_run_id, begin, end, json.loads(output), json.loads(error))
