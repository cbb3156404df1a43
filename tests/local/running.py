"""A supervisor of the test's own, and which processes it has left."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local.processes import PROJECT
from tests.shared_services import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARK = "TEST_MARK"


class Running:
    """`python -m` with some module and options; its process and all below it carry a mark in their environment."""

    def __init__(self, folder: Path, *command: str, **environment: str) -> None:
        self._mark = secrets.token_hex(8)
        self.log = folder / f"{self._mark}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=PROJECT,
                env=os.environ | environment | {_MARK: self._mark},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def processes(self) -> dict[int, str]:
        """Command lines of the living processes that carry the mark, by pid."""
        wanted = f"{_MARK}={self._mark}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if wanted in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def pid_of(self, part: str) -> int:
        """The process whose command line has that part."""
        (pid,) = (pid for pid, command in self.processes().items() if part in command)
        return pid

    def wait_until_said(self, text: str) -> None:
        """Waits until the log has that text; fails at once where the process has ended without it."""

        def said() -> bool:
            ended = self.process.poll() is not None
            has_text = text in self.log.read_text(errors="replace")
            assert has_text or not ended, self.log.read_text(errors="replace")
            return has_text

        wait_until(said, f"the log says {text!r}")


@contextlib.contextmanager
def running(folder: Path, *command: str, **environment: str) -> Iterator[Running]:
    """A process that ends with the context, whatever the test found."""
    started = Running(folder, *command, **environment)
    try:
        yield started
    finally:
        started.process.terminate()
        try:
            started.process.wait(30)
        except subprocess.TimeoutExpired:
            started.process.kill()
            started.process.wait()
        wait_until(lambda: not started.processes(), "no process is left")
