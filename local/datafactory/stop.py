"""How an activity that runs is told to end before its time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from local.datafactory.failures import StoppedError


class Stop:
    """A request to stop, seen by the activity at its next `check` or through what it does `on_request`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requested = threading.Event()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def requested(self) -> bool:
        """Whether it was told to stop."""
        return self._requested.is_set()

    def request(self) -> None:
        """Tells it to stop; may come from any thread, and more than once."""
        self._requested.set()
        with self._lock:
            for callback in self._callbacks:
                callback()

    def check(self) -> None:
        """Raises StoppedError once it was told to stop."""
        if self.requested:
            raise StoppedError

    def wait(self, seconds: float) -> None:
        """Waits so long, or until it is told to stop: then raises StoppedError."""
        if self._requested.wait(seconds):
            raise StoppedError

    @contextlib.contextmanager
    def on_request(self, callback: Callable[[], None]) -> Iterator[None]:
        """While in here, a request calls `callback` too: what interrupts a call that blocks."""
        with self._lock:
            self._callbacks.append(callback)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)
