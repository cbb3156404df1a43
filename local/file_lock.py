"""Advisory locks on files (flock). The system releases a lock when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from typing import IO


def try_lock(file: IO[str], mode: int) -> bool:
    """Takes a lock, `fcntl.LOCK_SH` or `LOCK_EX`, until the file is closed; False if another process has it."""
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_pid(file: IO[str]) -> None:
    """Replaces the file's content with this process's id, for the user who asks who has the lock."""
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
