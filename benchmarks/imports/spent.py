"""What a piece of work took. Imports use two cores, so both kinds of time say something."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds: by the clock, and of CPU, user and system, of the processes that do the work."""

    wall: float
    cpu: float
