"""Timer triggers.

As azure-webjobs-sdk-extensions (TimerListener.cs, ScheduleMonitor.cs): a timer never overlaps itself; where a run
outlasts the next time, one more follows at once and no other is made up; a run that was missed while no host was up
is made up at the next start, with `IsPastDue`, unless the schedule fits more than once a minute or `use_monitor` is
False. The status that this needs is kept in a file here (FileSystemScheduleMonitor.cs), in a blob in Azure.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local.host.ncrontab import Schedule
from local.host.pause import pause
from local.host.worker import Datum, InvocationFailedError

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from local.host.functions import Function, TimerTrigger
    from local.host.telemetry import TracedWorker

log = logging.getLogger(__name__)

_NO_METADATA: dict[str, Datum] = {}


@dataclass(frozen=True, slots=True)
class Status:
    """A timer's last run (None before the first), its next, and when this was noted."""

    last: datetime | None
    next: datetime
    updated: datetime

    def to_json(self) -> dict[str, str]:
        """In the .NET host's keys, which TimerRequest.schedule_status shows; no run yet is its smallest time."""
        last = self.last or datetime.min.replace(tzinfo=UTC)
        return {"Last": last.isoformat(), "Next": self.next.isoformat(), "LastUpdated": self.updated.isoformat()}

    @classmethod
    def from_json(cls, document: dict[str, str]) -> Status:
        """Reads what `to_json` wrote."""
        last, due, updated = (datetime.fromisoformat(document[key]) for key in ("Last", "Next", "LastUpdated"))
        return cls(None if last == datetime.min.replace(tzinfo=UTC) else last, due, updated)


class StatusFile:
    """Where a timer's status is kept between two lives of the host."""

    def __init__(self, path: Path) -> None:
        """Reads and writes this file."""
        self._path = path

    def read(self) -> Status | None:
        """The status; None where there is none yet."""
        if not self._path.is_file():
            return None
        return Status.from_json(json.loads(self._path.read_text()))

    def write(self, status: Status) -> None:
        """Replaces the status, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(status.to_json()))
        draft.replace(self._path)


class Timer:
    """One timer-triggered function."""

    def __init__(self, function: Function[TimerTrigger], worker: TracedWorker, folder: Path) -> None:
        """Reads the schedule; the status is kept in the folder.

        Raises:
            HostError: the schedule isn't NCRONTAB.
        """
        self._function = function
        self._worker = worker
        self._schedule = Schedule(function.trigger.schedule, f"the function {function.name}")
        is_monitored = function.trigger.use_monitor and not self._schedule.is_below_a_minute
        self._file = StatusFile(folder / f"{function.name}.json") if is_monitored else None

    async def run(self, stop: asyncio.Event) -> None:
        """Runs the function whenever it is due, until told to stop."""
        now = datetime.now(UTC)
        status = self._first_status(now)
        if status.next < now or self._function.trigger.run_on_startup:
            status = await self._invoke(status, now, is_past_due=status.next < now)
        while True:
            while (now := datetime.now(UTC)) < status.next and not stop.is_set():
                await pause((status.next - now).total_seconds(), stop)
            if stop.is_set():
                return
            status = await self._invoke(status, now, is_past_due=False)

    def _first_status(self, now: datetime) -> Status:
        status = self._file.read() if self._file else None
        if status is None:
            status = Status(None, self._schedule.next_after(now), now)
            self._keep(status)
        elif self._schedule.next_after(status.last or status.updated) != status.next:
            # The schedule is another than that of the status, by which nothing can be said to have been missed.
            status = Status(None, self._schedule.next_after(now), now)
            self._keep(status)
        return status

    async def _invoke(self, status: Status, now: datetime, *, is_past_due: bool) -> Status:
        """Runs the function once, and gives the status after it."""
        request = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status.to_json() if self._file else None,
            "IsPastDue": is_past_due,
        }
        function = self._function
        data = Datum(json.dumps(request), "json")
        try:
            await self._worker.invoke(function, data, _NO_METADATA)
        except InvocationFailedError as error:
            log.warning("The timer %s failed and goes on: %s", function.name, error)
        after = Status(now, self._schedule.next_after(now), now)
        self._keep(after)
        return after

    def _keep(self, status: Status) -> None:
        if self._file:
            self._file.write(status)
