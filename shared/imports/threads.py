"""Threads for blocking calls: Azure's SDKs wait for replies in them, never in the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Threads:
    """A bounded pool of its own, so that a storage that is slow keeps nobody else from a thread."""

    def __init__(self, count: int) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="imports")

    async def run[**P, T](self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call's result; in the caller's context, so that its trace goes on."""
        context = contextvars.copy_context()
        work = functools.partial(context.run, call, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """Ends the threads; a call that is under way is waited for."""
        self._executor.shutdown(cancel_futures=True)
