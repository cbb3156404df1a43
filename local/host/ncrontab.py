"""NCRONTAB, the schedules of timer triggers: {second} {minute} {hour} {day} {month} {day of the week}.

https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions. An expression of five
fields begins with the minute (CronSchedule.cs of azure-webjobs-sdk-extensions). Unlike in cron, a day must match both
of its fields (NCrontab).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from croniter import croniter

from local.host.errors import HostError

_NUMBERS = r"[0-9*,/\-]+"
_NAMES = r"[0-9A-Za-z*,/\-]+"
_EXPRESSION = re.compile(rf"{_NUMBERS} {_NUMBERS} {_NUMBERS} {_NUMBERS} {_NAMES} {_NAMES}")
_FIELDS_WITHOUT_SECOND = 5


class Schedule:
    """When a timer is due, in UTC."""

    def __init__(self, expression: str, used_by: str) -> None:
        """Parses an expression.

        Raises:
            HostError: the expression is not valid.
        """
        fields = expression.split()
        if len(fields) == _FIELDS_WITHOUT_SECOND:
            fields.insert(0, "0")
        self._expression = " ".join(fields)
        if not _EXPRESSION.fullmatch(self._expression) or not croniter.is_valid(
            self._expression, second_at_beginning=True
        ):
            raise HostError(
                f"The schedule of {used_by}: expected an NCRONTAB expression of six fields, got {expression}."
            )

    def next_after(self, moment: datetime) -> datetime:
        """The first due time after the moment."""
        due: datetime = croniter(self._expression, moment, second_at_beginning=True, day_or=False).get_next(datetime)
        return due

    @property
    def is_below_a_minute(self) -> bool:
        """Whether the timer is due more than once in each minute (TimerSchedule.cs, ShouldDisableScheduleMonitor)."""
        if self._expression.split()[1:] != ["*"] * 5:
            return False
        start = datetime(2000, 1, 1).astimezone()
        first = self.next_after(start)
        return self.next_after(first) - first < timedelta(minutes=1)
