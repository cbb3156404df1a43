"""How a child process ends with its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# When set, a test checks that the guardian suffices on systems without a parent-death signal.
WITHOUT_DEATH_SIGNAL = "LOCAL_CLOUD_WITHOUT_DEATH_SIGNAL"


def end_with_parent() -> Callable[[], None] | None:
    """A `preexec_fn` after which Linux sends SIGTERM to the child when its parent ends; None on other systems.

    The guardian works on every system. This needs no other process and leaves no moment uncovered.
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
