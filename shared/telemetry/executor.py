"""A bounded thread pool whose calls belong to the caller's trace."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class ContextExecutor:
    """Runs blocking calls in threads, each in a copy of the caller's context."""

    def __init__(self, threads: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def run[**P, T](self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Makes the call in a thread; await the future for its result."""
        work = functools.partial(contextvars.copy_context().run, call, *args, **kwargs)
        return asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self, *, wait: bool = True) -> None:
        """Ends the threads: drops queued calls and, by default, waits for those that run."""
        self._executor.shutdown(wait=wait, cancel_futures=True)
