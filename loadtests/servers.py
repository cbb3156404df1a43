"""Memory and open files of the app's processes under load, sampled every second."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import numpy as np
import psutil

from local.errors import LocalCloudError
from testkit.processes import listening_process

_INTERVAL_SECONDS = 1.0
_MIN_SAMPLES = 9
_MAX_GROWTH = 1.05  # of memory, from the second to the last third of the time
_MAX_MORE_FILES = 8  # a client may have opened connections at that moment


@dataclass(slots=True)
class Usage:
    """Samples of one process: `files` are its open descriptors, `mib` its resident memory without shared pages.

    The shared pages of a mapped database file depend on the free memory of the machine.
    """

    pid: int
    interval_seconds: float = _INTERVAL_SECONDS
    mib: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    @property
    def settled_mib(self) -> tuple[float, float]:
        """Medians of the second and of the last third. Caches and pools have been filled before."""
        _, middle, last = np.array_split(np.array(self.mib), 3)
        return float(np.median(middle)), float(np.median(last))

    @property
    def mib_per_hour(self) -> float:
        """Slope of the memory over the last two thirds, by least squares."""
        settled = np.array(self.mib[len(self.mib) // 3 :])
        return float(np.polyfit(np.arange(len(settled)) * self.interval_seconds / 3600, settled, 1)[0])

    @property
    def settled_files(self) -> tuple[float, float]:
        """Open files, as `settled_mib`."""
        _, middle, last = np.array_split(np.array(self.files), 3)
        return float(np.median(middle)), float(np.median(last))

    def growth(self) -> list[str]:
        """A sentence for each figure that grew when it should have settled, or if there are too few samples."""
        if len(self.mib) < _MIN_SAMPLES:
            return [f"Expected at least {_MIN_SAMPLES} samples of memory and open files, got {len(self.mib)}."]
        (middle, last), (middle_files, last_files) = self.settled_mib, self.settled_files
        grown = []
        if last > middle * _MAX_GROWTH:
            grown.append(f"Memory grew from {middle:.0f} to {last:.0f} MiB.")
        if last_files > middle_files + _MAX_MORE_FILES:
            grown.append(f"Open files grew from {middle_files:.0f} to {last_files:.0f}.")
        return grown

    def __str__(self) -> str:
        if len(self.mib) < _MIN_SAMPLES:
            return f"app (process {self.pid}): too few samples to state its memory"
        (middle, last), (middle_files, last_files) = self.settled_mib, self.settled_files
        return (
            f"app (process {self.pid}): {middle:.0f} MiB in the second third, {last:.0f} in the last "
            f"({self.mib_per_hour:+.1f} MiB an hour); {middle_files:.0f} and {last_files:.0f} open files"
        )


class UsageSampler:
    """Samples the processes that listen on the ports of these URLs, while its context lasts.

    Raises:
        LocalCloudError: no process listens on a port, or one of the processes ended under the load.
    """

    def __init__(self, urls: Sequence[str], interval_seconds: float = _INTERVAL_SECONDS) -> None:
        found = {port: listening_process(port) for port in (urlsplit(url).port for url in urls) if port}
        if unused := [str(port) for port, process in found.items() if process is None]:
            raise LocalCloudError(f"Expected a process that listens on port {', '.join(unused)}, found none.")
        by_pid = {process.pid: process for process in found.values() if process}
        self._processes = [by_pid[pid] for pid in sorted(by_pid)]
        self.usages = [Usage(process.pid, interval_seconds) for process in self._processes]
        self._ended = threading.Event()
        self._ended_pid: int | None = None
        self._thread = threading.Thread(target=self._sample, args=(interval_seconds,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._ended_pid is not None and error is None:
            raise LocalCloudError(f"The app's process {self._ended_pid} ended under the load.")

    def _sample(self, interval_seconds: float) -> None:
        while not self._ended.wait(interval_seconds):
            for process, usage in zip(self._processes, self.usages, strict=True):
                try:
                    memory = process.memory_info()
                    usage.mib.append((memory.rss - memory.shared) / 2**20)
                    usage.files.append(process.num_fds())
                except psutil.NoSuchProcess:
                    self._ended_pid = process.pid
                    return
