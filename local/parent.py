"""Whether `make`, which started this process, has been asked to stop without this process hearing of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path


class Make:
    """The make that runs this process, where one does.

    Ctrl-C reaches both. A SIGINT or SIGKILL for make alone doesn't: killed, it is just gone; interrupted, it waits for
    its recipe without a word to it (GNU make's commands.c: fatal_error_signal gives SIGINT its default action back).
    """

    def __init__(self) -> None:
        self._pid = os.getppid() if "MAKELEVEL" in os.environ else None

    def has_ended(self) -> bool:
        """Whether make is gone, or waits only for this process to end."""
        if self._pid is None:
            return False
        return os.getppid() != self._pid or self._was_interrupted()

    def _was_interrupted(self) -> bool:
        """Linux shows a process's signals: make handles SIGINT until it gets one, or ignores it from its start."""
        try:
            status = Path(f"/proc/{self._pid}/status").read_text()
        except FileNotFoundError:  # another system than Linux
            return False
        masks = {
            name: int(mask, 16)
            for name, _, mask in (line.partition(":\t") for line in status.splitlines())
            if name in {"SigCgt", "SigIgn"}
        }
        interrupt = 1 << (signal.SIGINT - 1)
        return not (masks["SigCgt"] | masks["SigIgn"]) & interrupt
