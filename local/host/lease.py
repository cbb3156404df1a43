"""Which of an app's host processes runs the triggers that only one may run.

In Azure that is a lease on a blob under `azure-webjobs-hosts/locks`, one per timer and one for the blob scan, renewed
every 15 s (azure-webjobs-sdk: SingletonManager.cs). Here it is one advisory lock on a file: the operating system
frees it when the process that holds it dies, however it dies, so it moves at once and never to two.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_RETRY_SECONDS = 0.25


class Lease:
    """The lock of one app on one machine."""

    def __init__(self, file: Path) -> None:
        """Locks the file, which is made where it is missing."""
        self._file = file

    @contextlib.asynccontextmanager
    async def held(self, given_up: asyncio.Event) -> AsyncIterator[bool]:
        """Waits for the lease and holds it inside the block; False where the wait was given up."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a+") as file:
            while not _try_lock(file.fileno()):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(given_up.wait(), _RETRY_SECONDS)
                if given_up.is_set():
                    yield False
                    return
            # For a person who wonders who holds it; the lock itself needs no content.
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield True


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
