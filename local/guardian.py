"""Ends processes when whoever started them is gone, however it went: SIGKILL, a crash, a closed terminal.

    python -m local.guardian PID…

It reads its standard input: `+PID` puts a process under its guard, `-PID` takes one out. Its starter holds the other
end of that pipe and never closes it, so the end of the input is the end of the starter, on every Unix. Each guarded
process leads a process group, and the group is what is ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# A service that hasn't ended on SIGTERM by then gets SIGKILL.
GRACE_SECONDS = 5.0


def guard(guarded: set[int], orders: Iterable[str]) -> None:
    """Follows the orders to their end, then ends what is guarded."""
    for order in orders:
        pid = int(order[1:])
        if order.startswith("+"):
            guarded.add(pid)
        else:
            guarded.discard(pid)
    end_groups(guarded)


def end_groups(pids: Iterable[int]) -> None:
    """Sends SIGTERM to each process group, and SIGKILL to those that are still there after `GRACE_SECONDS`."""
    left = {pid for pid in pids if _signal_group(pid, signal.SIGTERM)}
    deadline = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.05)  # between two looks, until the deadline: a process that isn't a child can't be waited for
        left = {pid for pid in left if _signal_group(pid, 0)}
    for pid in left:
        _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> bool:
    """Whether the process group was there to be signalled."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM of a group of zombies
        os.killpg(pid, number)
        return True
    return False


if __name__ == "__main__":
    # Ctrl-C and a closed terminal are for the starter, who ends its services in order; the guardian outlives it.
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    guard({int(pid) for pid in sys.argv[1:]}, sys.stdin)
