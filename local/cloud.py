"""A local cloud for one command: the one that runs, or one that is started and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from local import PROJECT
from local.errors import LocalCloudError
from local.processes import end_with_parent
from local.services import free_ports
from local.state import RunFile, read_run_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_START_SECONDS, _STOP_SECONDS = 90.0, 30.0
_POLL_SECONDS = 0.1


@contextlib.contextmanager
def local_cloud(state: Path, log: Path) -> Iterator[RunFile]:
    """The local cloud that runs on this folder. If there is none, starts one and stops it at the end.

    Raises:
        LocalCloudError: it didn't start.
    """
    run = read_run_file(state)
    if run is not None:
        yield run
        return
    print(f"Starting the local cloud; its log is {log}")
    with started_cloud(state, log, {}) as started:
        yield started


@contextlib.contextmanager
def started_cloud(state: Path, log: Path, settings: Mapping[str, str]) -> Iterator[RunFile]:
    """Starts a local cloud and stops it at the end; its output goes to the file `log`.

    `settings` are variables for its environment, beside those of this process.

    Raises:
        LocalCloudError: it didn't start.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "local.run", "--port", str(free_ports(1)[0]), "--state", str(state)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **settings},
            stdout=output,
            stderr=output,
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - it calls nothing that another thread could have locked
        )
    try:
        yield _wait_until_ready(process, state, log)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_STOP_SECONDS)


def _wait_until_ready(process: subprocess.Popen[bytes], state: Path, log: Path) -> RunFile:
    deadline = time.monotonic() + _START_SECONDS
    while (run := read_run_file(state)) is None:
        if process.poll() is not None:
            last_line = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise LocalCloudError(f"The local cloud didn't start: {' '.join(last_line)}")
        if time.monotonic() > deadline:
            raise LocalCloudError(f"The local cloud wasn't ready within {_START_SECONDS:.0f} s. See {log}.")
        time.sleep(_POLL_SECONDS)
    return run
