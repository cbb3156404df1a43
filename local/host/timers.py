"""Timer triggers.

Follows azure-webjobs-sdk-extensions (TimerListener.cs, ScheduleMonitor.cs):

- Runs of a timer never overlap. If a run takes longer than the interval, one more follows at once; others are skipped.
- If a run was missed while no host was running, the timer runs at the next start with `IsPastDue`. It doesn't if
  `use_monitor` is False, or if the timer is due more than once a minute.

The schedule status for this is in a file (FileSystemScheduleMonitor.cs); in Azure it is in a blob.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local.host.ncrontab import Schedule
from local.host.waiting import wait_for_any
from local.host.worker import Datum, InvocationFailedError

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from local.host.functions import Function, TimerTrigger
    from local.host.telemetry import TracedWorker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScheduleStatus:
    """A timer's last run (None before the first), its next run, and when this status was written."""

    last: datetime | None
    next: datetime
    updated: datetime

    def to_json(self) -> dict[str, str]:
        """The status with the .NET host's keys, as in TimerRequest.schedule_status; None becomes the smallest time."""
        last = self.last or datetime.min.replace(tzinfo=UTC)
        return {"Last": last.isoformat(), "Next": self.next.isoformat(), "LastUpdated": self.updated.isoformat()}

    @classmethod
    def from_json(cls, document: dict[str, str]) -> ScheduleStatus:
        """The inverse of `to_json`."""
        last, due, updated = (datetime.fromisoformat(document[key]) for key in ("Last", "Next", "LastUpdated"))
        return cls(None if last == datetime.min.replace(tzinfo=UTC) else last, due, updated)


class StatusFile:
    """The file with a timer's status."""

    def __init__(self, path: Path) -> None:
        """Uses the file; it may be missing."""
        self._path = path

    def read(self) -> ScheduleStatus | None:
        """The status; None if the file is missing."""
        if not self._path.is_file():
            return None
        return ScheduleStatus.from_json(json.loads(self._path.read_text()))

    def write(self, status: ScheduleStatus) -> None:
        """Replaces the file in one step."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(status.to_json()))
        draft.replace(self._path)


class Timer:
    """A function with a timer trigger."""

    def __init__(self, function: Function[TimerTrigger], worker: TracedWorker, folder: Path) -> None:
        """Parses the schedule; the status is in a file in the folder.

        Raises:
            HostError: the schedule is not a valid NCRONTAB expression.
        """
        self._function = function
        self._worker = worker
        self._schedule = Schedule(function.trigger.schedule, f"the function {function.name}")
        is_monitored = function.trigger.use_monitor and not self._schedule.is_below_a_minute
        self._file = StatusFile(folder / f"{function.name}.json") if is_monitored else None

    async def run(self, stop: asyncio.Event) -> None:
        """Runs the function at its due times until `stop` is set."""
        now = datetime.now(UTC)
        status = self._first_status(now)
        if status.next < now or self._function.trigger.run_on_startup:
            status = await self._invoke(status, now, is_past_due=status.next < now)
        while True:
            while (now := datetime.now(UTC)) < status.next and not stop.is_set():
                await wait_for_any(stop, timeout=(status.next - now).total_seconds())
            if stop.is_set():
                return
            status = await self._invoke(status, now, is_past_due=False)

    def _first_status(self, now: datetime) -> ScheduleStatus:
        status = self._file.read() if self._file else None
        # A status of another schedule doesn't tell whether a run was missed.
        if status is None or self._schedule.next_after(status.last or status.updated) != status.next:
            status = ScheduleStatus(None, self._schedule.next_after(now), now)
            self._write(status)
        return status

    async def _invoke(self, status: ScheduleStatus, now: datetime, *, is_past_due: bool) -> ScheduleStatus:
        """Runs the function once and returns the status after it."""
        request = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status.to_json() if self._file else None,
            "IsPastDue": is_past_due,
        }
        function = self._function
        data = Datum(json.dumps(request), "json")
        try:
            await self._worker.invoke(function, data, {})
        except InvocationFailedError as error:
            log.warning("The timer %s failed and will run again: %s", function.name, error)
        after = ScheduleStatus(now, self._schedule.next_after(now), now)
        self._write(after)
        return after

    def _write(self, status: ScheduleStatus) -> None:
        if self._file:
            self._file.write(status)
