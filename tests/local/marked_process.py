"""A process that shares a mark with all its descendants, so that a test can find those that are left."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from pathlib import Path
from typing import override

from testkit.processes import Process
from testkit.waiting import wait_until

_MARK = "TEST_MARK"


class MarkedProcess(Process):
    """Python with these arguments. The mark is in the environment of its process and of all below it."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self._mark = secrets.token_hex(8)
        marked = os.environ | environment | {_MARK: self._mark}
        super().__init__([sys.executable, *arguments], folder / f"{self._mark}.log", marked)

    def descendants(self) -> dict[int, str]:
        """Command lines of the running processes that have the mark, by pid."""
        wanted = f"{_MARK}={self._mark}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if wanted in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def pid_of(self, part: str) -> int:
        """The pid of the one process whose command line contains this text."""
        (pid,) = (pid for pid, command in self.descendants().items() if part in command)
        return pid

    def wait_until_all_have_ended(self) -> None:
        """Waits until no process with the mark is left."""
        wait_until(lambda: not self.descendants(), "no process is left")

    @override
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.end()
        self.wait_until_all_have_ended()
