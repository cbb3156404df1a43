"""The `make` process that runs this one, and whether it has ended or was interrupted."""

from __future__ import annotations

import os
import signal
from pathlib import Path


class MakeProcess:
    """The parent process, if it is `make`.

    Ctrl-C reaches both processes. A SIGINT or SIGKILL that is sent to make alone does not: a killed make is gone, and
    an interrupted one waits for its recipe without forwarding the signal. (GNU make's commands.c: fatal_error_signal
    restores the default action of SIGINT.)
    """

    def __init__(self) -> None:
        self._pid = os.getppid() if "MAKELEVEL" in os.environ else None

    def has_ended(self) -> bool:
        """Whether make is gone or waits only for this process to end; False without a make."""
        if self._pid is None:
            return False
        return os.getppid() != self._pid or self._was_interrupted()

    def _was_interrupted(self) -> bool:
        """Reads the signal masks that Linux shows: make handles or ignores SIGINT until it gets one."""
        try:
            status = Path(f"/proc/{self._pid}/status").read_text()
        except FileNotFoundError:  # not Linux
            return False
        masks = {
            name: int(mask, 16)
            for name, _, mask in (line.partition(":\t") for line in status.splitlines())
            if name in {"SigCgt", "SigIgn"}
        }
        interrupt = 1 << (signal.SIGINT - 1)
        return not (masks["SigCgt"] | masks["SigIgn"]) & interrupt
