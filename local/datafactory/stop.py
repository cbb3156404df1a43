"""Requests that a running activity stop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from local.datafactory.failures import StoppedError


class Stop:
    """A request to stop. The activity sees it at its next `check`, `wait` or through a callback."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requested = threading.Event()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def requested(self) -> bool:
        """Whether a stop was requested."""
        return self._requested.is_set()

    def request(self) -> None:
        """Requests a stop, from any thread. A second request calls the callbacks again."""
        self._requested.set()
        with self._lock:
            for callback in self._callbacks:
                callback()

    def check(self) -> None:
        """Raises StoppedError after a request."""
        if self.requested:
            raise StoppedError

    def wait(self, seconds: float) -> None:
        """Waits this many seconds. Raises StoppedError if a stop is requested."""
        if self._requested.wait(seconds):
            raise StoppedError

    @contextlib.contextmanager
    def on_request(self, callback: Callable[[], None]) -> Iterator[None]:
        """Within the context, a request also calls `callback`, which can interrupt a blocking call."""
        with self._lock:
            self._callbacks.append(callback)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)
