"""The cost of a piece of work. Imports use two cores, so wall time and CPU time both matter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of wall time, and of CPU time (user and system) of the processes that do the work."""

    wall: float
    cpu: float
