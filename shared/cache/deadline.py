"""A time limit on exchanges that follow one another, with one timer for many of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# A timer that fires this late means that this process was busy, not that Redis was slow.
_LATE_SECONDS = 0.005
_MAX_EXCUSED_SECONDS = 1.0


class Deadline:
    """Calls `expired` when an exchange isn't over after its time.

    Time in which this process was busy with something else doesn't count, up to a second.
    """

    def __init__(self, expired: Callable[[], None]) -> None:
        self._expired = expired
        self._seconds = 0.0
        # The end of the exchange's time (None: no exchange is under way), and the latest end with all excuses.
        self._deadline: float | None = None
        self._latest = 0.0
        # By how much the deadline was moved because this process was busy.
        self.excused_seconds = 0.0
        # An exchange takes a fraction of its time limit. So the timer keeps running over the exchanges that follow, and
        # compares with the current deadline when it fires.
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float) -> None:
        """An exchange begins, which may take this long."""
        loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._deadline = deadline = loop.time() + seconds
        self._latest = deadline + _MAX_EXCUSED_SECONDS
        self.excused_seconds = 0.0
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._check)
        elif self._timer.when() > deadline:
            self._timer.cancel()
            self._timer = loop.call_at(deadline, self._check)

    def extend(self, seconds: float) -> None:
        """The exchange's time ran out, and it may take this much longer."""
        loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._deadline = deadline = min(loop.time() + seconds, self._latest)
        self._timer = loop.call_at(deadline, self._check)

    def end(self) -> None:
        """The exchange is over."""
        self._deadline = None

    def _check(self) -> None:
        assert self._timer
        due = self._timer.when()
        self._timer = None
        if self._deadline is None:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - due >= _LATE_SECONDS:
            later = min(now + self._seconds, self._latest)
            self.excused_seconds += later - self._deadline
            self._deadline = later
        if now < self._deadline:
            self._timer = loop.call_at(self._deadline, self._check)
        else:
            self._deadline = None
            self._expired()
