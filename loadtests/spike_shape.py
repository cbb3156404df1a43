"""The shape of the profile `spike`: few users, many, and few again, each for a third of the time."""

from __future__ import annotations

import os

from locust import LoadTestShape

_SECONDS = float(os.environ.get("LOAD_SECONDS", "60"))
_FEW, _MANY = 4, 64


class Spike(LoadTestShape):
    """Locust calls `tick` every second."""

    def tick(self) -> tuple[int, float] | None:
        """The number of users, and how many start per second; None ends the run."""
        passed = self.get_run_time() / _SECONDS  # type: ignore[no-untyped-call]  # untyped in Locust
        if passed >= 1:
            return None
        users = _MANY if 1 / 3 <= passed < 2 / 3 else _FEW
        return users, float(_MANY)
