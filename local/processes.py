"""How a service's process is started, so that it never outlives the one who started it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROJECT = Path(__file__).parent.parent

_PR_SET_PDEATHSIG = 1
# Set, Linux is treated as a system without it: the guardian has to do (its test).
WITHOUT_DEATH_SIGNAL = "LOCAL_CLOUD_WITHOUT_DEATH_SIGNAL"


def end_with_parent() -> Callable[[], None] | None:
    """What a child runs before its program so that Linux ends it with its parent; None where there is no such thing.

    The guardian does the same everywhere; this one needs no third process, and misses no moment.
    """
    if sys.platform != "linux" or WITHOUT_DEATH_SIGNAL in os.environ:
        return None
    libc = ctypes.CDLL(None)  # loaded here: nothing may be loaded between fork and exec
    parent = os.getpid()

    def before_program() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return before_program


class Guardian:
    """A process that ends the process groups under its guard once this process, or whoever holds the pipe, is gone."""

    def __init__(self, pids: Sequence[int] = (), until_end_of: int | IO[bytes] = subprocess.PIPE) -> None:
        """Starts the guardian; `until_end_of` is its input where that is another's pipe than this object's own."""
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-m", "local.guardian", *map(str, pids)],
            cwd=PROJECT,
            stdin=until_end_of,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def add(self, pid: int) -> None:
        """Puts a process group under its guard."""
        self._order(f"+{pid}")

    def remove(self, pid: int) -> None:
        """Takes one out, since it has ended: its number may come back as another's."""
        self._order(f"-{pid}")

    def close(self) -> None:
        """Ends what is still guarded, and the guardian."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _order(self, order: str) -> None:
        if self._process.stdin is None:
            raise RuntimeError("This guardian's input is another's pipe.")
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
