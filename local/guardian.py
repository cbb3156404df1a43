"""Ends processes when the process that started them is gone: by SIGKILL, a crash or a closed terminal.

    python -m local.guardian PID…

The program reads commands from its standard input: `+PID` adds a process group, `-PID` removes one. The process that
started it holds the other end of the pipe and never closes it, so on every Unix the input ends when that process ends.
The program then ends the process groups that are left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING

from local import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Seconds between SIGTERM and SIGKILL.
GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.05


class Guardian:
    """The guardian program, started by this process."""

    def __init__(self, pids: Sequence[int] = (), until_end_of: int | IO[bytes] = subprocess.PIPE) -> None:
        """Starts the program with these process groups.

        `until_end_of` is its standard input: a pipe of this object, or the pipe of another process to wait for.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-m", "local.guardian", *map(str, pids)],
            cwd=PROJECT,
            stdin=until_end_of,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def add(self, pid: int) -> None:
        """Adds a process group."""
        self._send(f"+{pid}")

    def remove(self, pid: int) -> None:
        """Removes a process group that has ended: the system may give its id to another process."""
        self._send(f"-{pid}")

    def close(self) -> None:
        """Ends the process groups that are left, and the program."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _send(self, command: str) -> None:
        if self._process.stdin is None:
            raise RuntimeError("This guardian reads a pipe of another process.")
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()


def guard(pids: set[int], commands: Iterable[str]) -> None:
    """Reads commands until their end, then ends the process groups that are left."""
    for command in commands:
        pid = int(command[1:])
        if command.startswith("+"):
            pids.add(pid)
        else:
            pids.discard(pid)
    end_groups(pids)


def end_groups(pids: Iterable[int]) -> None:
    """Sends SIGTERM to each process group, and SIGKILL to those that are still there after `GRACE_SECONDS`."""
    left = {pid for pid in pids if _signal_group(pid, signal.SIGTERM)}
    deadline = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)  # only a parent can wait for a process
        left = {pid for pid in left if _signal_group(pid, 0)}
    for pid in left:
        _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> bool:
    """Sends a signal to a process group; False if there is no such group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS returns EPERM for a group of zombies
        os.killpg(pid, number)
        return True
    return False


if __name__ == "__main__":
    # The starter ends its services in order on Ctrl-C or a closed terminal; the guardian has to outlive it.
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    guard({int(pid) for pid in sys.argv[1:]}, sys.stdin)
