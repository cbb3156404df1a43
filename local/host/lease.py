"""The lease under which one of an app's host processes runs the triggers that only one may run.

In Azure these are leases on blobs under `azure-webjobs-hosts/locks`, one for each timer and one for the blob scan,
renewed every 15 s (azure-webjobs-sdk: SingletonManager.cs). Here it is one lock on a file: when a process ends, the
system passes it on at once.
"""

from __future__ import annotations

import contextlib
import fcntl
from typing import TYPE_CHECKING

from local.file_lock import try_lock, write_pid
from local.host.waiting import wait_for_any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from pathlib import Path

_RETRY_SECONDS = 0.25


class Lease:
    """The lease of one app on this machine."""

    def __init__(self, file: Path) -> None:
        """Uses the file as the lock; creates it if it is missing."""
        self._file = file

    @contextlib.asynccontextmanager
    async def held(self, stop: asyncio.Event) -> AsyncIterator[bool]:
        """Waits for the lease and holds it inside the context; returns False if `stop` is set before."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a+") as file:
            while not try_lock(file, fcntl.LOCK_EX):
                await wait_for_any(stop, timeout=_RETRY_SECONDS)
                if stop.is_set():
                    yield False
                    return
            write_pid(file)
            yield True
