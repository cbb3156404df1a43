"""What a process and those below it use: the factory has one more for each merge."""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType
from typing import Self

import psutil

# Seldom, where it is done beside a benchmark of speed: a look takes some 4 ms.
_LOOK_SECONDS = 0.2


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, of the process, those below it, and those that they have waited for."""
    total = 0.0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


class PeakMemory:
    """The most memory that a process and those below it held together, looked at every so many seconds.

    A page that several of them have counts once (proc(5): Pss).
    """

    def __init__(self, pid: int, look_seconds: float = _LOOK_SECONDS) -> None:
        self._pid = pid
        self._look_seconds = look_seconds
        self._bytes = 0
        self._failure: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    @property
    def mib(self) -> float:
        """The most so far."""
        return self._bytes / 1024 / 1024

    def _watch(self) -> None:
        try:
            while True:
                self._bytes = max(self._bytes, sum(_proportional_bytes(process) for process in _tree(self._pid)))
                if self._ended.wait(self._look_seconds):
                    return
        except Exception as error:  # noqa: BLE001  # raised in the thread that waits for the figure
            self._failure = error


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _proportional_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0
