"""What the app's processes use while they are under load: memory and open files, second by second."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import numpy as np
import psutil

_PAUSE_SECONDS = 1.0


@dataclass(slots=True)
class Usage:
    """One process: samples a second apart, `mib` its resident memory, `files` its open descriptors."""

    pid: int
    mib: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    @property
    def settled_mib(self) -> tuple[float, float]:
        """Medians of the second and of the last third: what is filled once (caches, pools) is full by then."""
        _, middle, last = np.array_split(np.array(self.mib), 3)
        return float(np.median(middle)), float(np.median(last))

    @property
    def mib_per_hour(self) -> float:
        """Slope of the memory over the last two thirds, by least squares."""
        settled = np.array(self.mib[len(self.mib) // 3 :])
        return float(np.polyfit(np.arange(len(settled)) * _PAUSE_SECONDS / 3600, settled, 1)[0])

    @property
    def settled_files(self) -> tuple[float, float]:
        """Open files, as `settled_mib`."""
        _, middle, last = np.array_split(np.array(self.files), 3)
        return float(np.median(middle)), float(np.median(last))

    def __str__(self) -> str:
        (middle, last), (middle_files, last_files) = self.settled_mib, self.settled_files
        return (
            f"app (process {self.pid}): {middle:.0f} MiB in the second third, {last:.0f} in the last "
            f"({self.mib_per_hour:+.1f} MiB an hour); {middle_files:.0f} and {last_files:.0f} open files"
        )


class Watch:
    """Samples the processes that listen on these URLs' ports, as a context."""

    def __init__(self, urls: Sequence[str]) -> None:
        ports = {urlsplit(url).port for url in urls}
        listening = {
            connection.pid
            for connection in psutil.net_connections("tcp4")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port in ports
        }
        self.usages = [Usage(pid) for pid in sorted(filter(None, listening))]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        processes = [psutil.Process(usage.pid) for usage in self.usages]
        while not self._ended.wait(_PAUSE_SECONDS):
            for process, usage in zip(processes, self.usages, strict=True):
                usage.mib.append(process.memory_info().rss / 2**20)
                usage.files.append(process.num_fds())
