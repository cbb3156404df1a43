"""CPU and memory of a process and its descendants: the factory starts a process for each merge."""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType
from typing import Self

import psutil

# A sample takes some 4 ms, so during a benchmark of speed it is taken seldom.
_SAMPLE_SECONDS = 0.2


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, of the process, its descendants, and those of them that have ended."""
    total = 0.0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


class PeakMemory:
    """The peak of the memory of a process and its descendants, sampled at intervals.

    A page that several processes share counts once (proc(5): Pss).
    """

    def __init__(self, pid: int, sample_seconds: float = _SAMPLE_SECONDS) -> None:
        self._pid = pid
        self._sample_seconds = sample_seconds
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
        """The peak so far, in MiB."""
        return self._bytes / 1024 / 1024

    def _watch(self) -> None:
        try:
            while True:
                self._bytes = max(self._bytes, sum(_proportional_bytes(process) for process in _tree(self._pid)))
                if self._ended.wait(self._sample_seconds):
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
